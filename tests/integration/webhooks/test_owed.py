"""Each change owes its webhook to the endpoints that listen, with its data."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants, payers, sellers
from tests.helpers.doors import Doors, offline, open_doors
from tests.helpers.sellers import Shop
from tests.helpers.support import Client, context, function


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)


def data_of(conn: Connection, kind: str) -> list[dict[str, Any]]:
    """Return the data of the webhooks of a type."""
    return [body["data"] for body in sellers.webhooks(conn) if body["type"] == kind]


def test_no_webhook_is_owed_where_nobody_listens(api: Client, conn: Connection, shop: Shop) -> None:
    order = shop.sold(shop.ticket_type())
    factories.scan(conn, sellers.tickets_of(conn, order)[0], shop.manager)
    sellers.refund(api, shop, order, amount=1)
    sellers.cancel_event(api, shop)

    assert sellers.webhooks(conn) == []


def test_a_paid_order_owes_a_webhook_with_its_facts(api: Client, conn: Connection, shop: Shop) -> None:
    sellers.enable_webhooks(conn)
    order = factories.order(conn, shop.ticket_type(), number="K7QW3MPX")

    payers.tell(api, payers.started(api, order))

    (body,) = sellers.webhooks(conn)
    assert body["type"] == "order.paid"
    assert datetime.fromisoformat(body["timestamp"]).utcoffset() == timedelta(0)
    assert body["data"] == {
        "order_id": str(order),
        "number": "K7QW3MPX",
        "status": "paid",
        "currency": "NGN",
        "currency_exponent": 2,
        "total": 10_000,
        "event_ids": [str(shop.event)],
    }
    (owed,) = conn.execute("SELECT organisation_id, type, status FROM webhook_deliveries").fetchall()
    assert owed == (shop.organisation, "order.paid", "pending")


def test_expired_orders_owe_webhooks_only_where_somebody_listens(api: Client, conn: Connection, shop: Shop) -> None:
    factories.webhook_endpoint(conn, shop.organisation)
    deaf = factories.ticket_type(conn)
    ours = shop.ticket_type()
    lapsed = [factories.order(conn, ours, expires_at=factories.a_moment_ago()) for _ in range(3)]
    factories.order(conn, deaf, expires_at=factories.a_moment_ago())

    assert function("expire_orders").handler({}, context()) == {"expired": 4, "forgotten": 0, "units_failed": 0}

    assert sorted(data["order_id"] for data in data_of(conn, "order.expired")) == sorted(map(str, lapsed))
    invariants.check(conn)


def test_only_a_scan_that_admits_owes_a_webhook(conn: Connection, doors: Doors) -> None:
    sellers.enable_webhooks(conn)
    (ticket,) = doors.sell()

    doors.scan(ticket, gate="North")
    doors.scan(ticket, gate="South")

    (data,) = data_of(conn, "ticket.scanned")
    assert (data["gate"], data["entry"], data["offline"]) == ("North", 1, False)
    (scan,) = conn.execute("SELECT id::text, at FROM scans WHERE outcome = 'admitted'").fetchall()
    assert (data["scan_id"], datetime.fromisoformat(data["scanned_at"])) == scan
    invariants.check(conn)


def test_an_offline_scan_owes_one_webhook(conn: Connection, doors: Doors) -> None:
    sellers.enable_webhooks(conn)
    first, second = doors.sell(2)
    scans = [offline(1, first, 20, gate="North"), offline(2, second, 19)]

    for _ in range(2):
        assert doors.sync("A", *scans).status == 200

    assert [(data["device_id"], data["gate"], data["offline"]) for data in data_of(conn, "ticket.scanned")] == [
        ("A", "North", True),
        ("A", None, True),
    ]
    at = conn.execute("SELECT at FROM scans ORDER BY sequence").fetchall()
    assert [(datetime.fromisoformat(data["scanned_at"]),) for data in data_of(conn, "ticket.scanned")] == at
    invariants.check(conn)


def types(conn: Connection) -> list[str]:
    return [body["type"] for body in sellers.webhooks(conn)]


def test_an_event_tells_of_its_life(api: Client, conn: Connection, shop: Shop) -> None:
    sellers.enable_webhooks(conn)
    event = factories.event(conn, organisation_id=shop.organisation, status="draft", title="Café قطار 🎟")
    factories.ticket_type(conn, event_id=event)
    path, by = f"/v1/events/{event}", {"account": shop.manager}

    for _ in range(2):
        assert api.post(f"{path}/publish", **by).status == 200
    assert api.patch(path, {"title": "Café noir", "category": "bar"}, **by).status == 200
    assert api.patch(path, {"title": "Café noir"}, **by).status == 200
    for _ in range(2):
        assert api.post(f"{path}/cancel", {"reason": "Ill"}, **by).status == 200
    other = factories.event(conn, organisation_id=shop.organisation, status="draft")
    assert api.delete(f"/v1/events/{other}", **by).status == 204

    assert types(conn) == ["event.published", "event.updated", "event.cancelled", "event.deleted"], "each once"
    published, updated, cancelled, deleted = (body["data"] for body in sellers.webhooks(conn))
    assert published["title"] == "Café قطار 🎟"
    assert (updated["title"], updated["changed"]) == ("Café noir", ["category", "title"])
    assert published["version"] < updated["version"] < cancelled["version"]
    assert (cancelled["event_id"], cancelled["reason"]) == (str(event), "Ill")
    assert deleted["event_id"] == str(other)
    invariants.check(conn)


def test_orders_and_refunds_tell_how_they_end(api: Client, conn: Connection, shop: Shop) -> None:
    ticket_type = shop.ticket_type()
    pending = factories.order(conn, ticket_type)
    paid = shop.sold(ticket_type)
    sellers.enable_webhooks(conn)

    api.post(f"/v1/orders/{pending}/cancel", account=shop.manager)
    refunded = sellers.refund(api, shop, paid, amount=500).json

    assert types(conn) == ["order.cancelled", "order.refunded", "refund.sent"]
    told = data_of(conn, "order.refunded")[0]
    assert (told["refund_id"], told["refunded"], told["status"]) == (refunded["id"], 500, "partially_refunded")
    (sent,) = data_of(conn, "refund.sent")
    assert (sent["refund_id"], sent["order_id"], sent["amount"]) == (refunded["id"], str(paid), 500)
    invariants.check(conn)


def test_payments_tell_of_failures_and_of_money_that_goes_back(api: Client, conn: Connection, shop: Shop) -> None:
    order = factories.order(conn, shop.ticket_type())
    payment = payers.started(api, order)
    sellers.enable_webhooks(conn)

    for _ in range(2):
        payers.tell(api, payment, "payment.failed")
    payers.tell(api, payment, amount=payment["amount"] - 1)

    assert types(conn) == ["payment.failed", "payment.returned", "refund.sent"]
    (failed,), (returned,), (sent,) = (data_of(conn, kind) for kind in types(conn))
    assert (failed["payment_id"], failed["amount"]) == (payment["id"], payment["amount"])
    assert (returned["order_id"], returned["amount"]) == (str(order), payment["amount"] - 1)
    assert (sent["refund_id"], sent["amount"]) == (None, payment["amount"] - 1), "it had bought nothing"
    invariants.check(conn)


def test_tickets_tell_of_new_holders_and_of_scans_that_were_undone(conn: Connection, doors: Doors) -> None:
    (ticket,) = doors.sell()
    sellers.enable_webhooks(conn)
    ticket = doors.transfer(ticket)
    scan = doors.scan(ticket).json["scan_id"]
    for _ in range(2):
        doors.undo(scan)

    assert types(conn) == ["ticket.transferred", "ticket.scanned", "ticket.scan_undone"], "each once"
    assert data_of(conn, "ticket.transferred")[0]["ticket_id"] == str(ticket.id)
    assert data_of(conn, "ticket.scan_undone")[0]["scan_id"] == scan
    assert "Bola" not in str(sellers.webhooks(conn)), "nobody's name"
    invariants.check(conn)


def test_the_waitlist_tells_who_waits_and_gets_offers(api: Client, conn: Connection, shop: Shop) -> None:
    sold_out = shop.ticket_type(quantity=2)
    order = factories.order(conn, sold_out, quantity=2)
    sellers.enable_webhooks(conn)
    account = factories.account(conn, email="ada@example.com", email_verified_at=factories.NOW)
    request = {"name": "Ada", "email": "ada@example.com", "quantity": 2}
    for _ in range(2):
        assert api.post(f"/v1/ticket-types/{sold_out}/waitlist", request, account=account).status < 300
    second = factories.waitlist_entry(conn, sold_out)

    api.post(f"/v1/orders/{order}/cancel", account=shop.manager)
    conn.execute("UPDATE waitlist_entries SET expires_at = now() WHERE status = 'offered'")
    function("offer_waitlist").handler({}, context())
    api.delete(f"/v1/waitlist/{second}", account=shop.manager)

    told = [kind for kind in types(conn) if kind.startswith("waitlist")]
    assert told == ["waitlist.joined", "waitlist.offered", "waitlist.lapsed", "waitlist.offered", "waitlist.left"]
    assert {data["quantity"] for data in data_of(conn, "waitlist.offered")} == {2}
    assert data_of(conn, "waitlist.left")[0]["entry_id"] == str(second)
    assert "ada@example.com" not in str(sellers.webhooks(conn))
    invariants.check(conn)


def test_an_endpoint_hears_what_it_asks_for(api: Client, conn: Connection, shop: Shop) -> None:
    wanted = factories.webhook_endpoint(conn, shop.organisation, types=["event.cancelled", "order.paid"])
    everything = factories.webhook_endpoint(conn, shop.organisation)
    factories.webhook_endpoint(conn, shop.organisation, types=["order.paid"])
    factories.webhook_endpoint(conn, shop.organisation, disabled_at=factories.NOW, disabled_reason="by_owner")
    factories.webhook_endpoint(conn, factories.organisation(conn))

    sellers.cancel_event(api, shop)

    heard = {each for (each,) in conn.execute("SELECT endpoint_id FROM webhook_deliveries").fetchall()}
    assert heard == {wanted, everything}
