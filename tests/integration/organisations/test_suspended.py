"""A suspended organisation sells nothing: not to buyers, not to those who wait, and not for money that comes late."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from boxoffice.tickets import transfers
from tests.helpers import factories, invariants, owners, sellers
from tests.helpers.factories import NOW, order_request
from tests.helpers.payers import emails, refunds, start, started, tell
from tests.helpers.support import Answer, Client, context, function


@pytest.fixture
def ticket_type(conn: Connection) -> UUID:
    return factories.ticket_type(conn, quantity=4)


def suspend(conn: Connection) -> None:
    conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'Fraud'")


def test_nobody_can_order(api: Client, conn: Connection, ticket_type: UUID) -> None:
    suspend(conn)

    refused = api.post("/v1/orders", order_request(ticket_type), key="new")

    assert (refused.status, refused.code) == (409, "seller_suspended")
    assert conn.execute("SELECT id::text FROM organisations").fetchone() == (refused.json["organisation_id"],)
    assert invariants.left(conn, ticket_type) == (4, 0, 0)
    conn.execute("UPDATE organisations SET status = 'approved'")
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 201


def test_nobody_can_join_the_waitlist(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.order(conn, ticket_type, quantity=4)
    suspend(conn)

    entry = {"name": "Ada", "email": "ada@example.com", "quantity": 1}
    refused = api.post(f"/v1/ticket-types/{ticket_type}/waitlist", entry)

    assert (refused.status, refused.code) == (409, "seller_suspended")


def test_nothing_is_offered_to_those_who_wait_until_the_seller_sells_again(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    factories.order(conn, ticket_type, quantity=4, expires_at=NOW - timedelta(minutes=1))
    factories.waitlist_entry(conn, ticket_type)
    suspend(conn)

    assert function("expire_orders").handler({}, context())["expired"] == 1
    assert function("offer_waitlist").handler({}, context())["offered"] == 0

    conn.execute("UPDATE organisations SET status = 'approved'")
    assert function("offer_waitlist").handler({}, context())["offered"] == 1
    invariants.check(conn)


def test_an_offer_cannot_be_accepted(api: Client, conn: Connection, ticket_type: UUID) -> None:
    factories.waitlist_entry(conn, ticket_type)
    assert function("offer_waitlist").handler({}, context())["offered"] == 1
    suspend(conn)

    assert api.post("/v1/orders", order_request(ticket_type, waitlist_token="x"), key="new").code == "seller_suspended"


def test_money_that_comes_after_the_hold_goes_back(api: Client, conn: Connection, ticket_type: UUID) -> None:
    order = factories.order(conn, ticket_type)
    payment = started(api, order)
    conn.execute("UPDATE orders SET expires_at = %s", [NOW - timedelta(minutes=16)])
    assert function("expire_orders").handler({}, context())["expired"] == 1
    suspend(conn)

    assert tell(api, payment).json["effect"] == "returned"

    assert len(refunds(conn)) == 1
    assert invariants.left(conn, ticket_type) == (4, 0, 0)
    invariants.check(conn)


def test_its_events_are_listed_for_its_members_alone(api: Client, conn: Connection) -> None:
    seller = factories.organisation(conn)
    manager = factories.member(conn, seller, "manager")
    running = factories.event(conn, organisation_id=seller, starts_at=NOW - timedelta(hours=1))
    later = factories.event(conn, organisation_id=seller)
    suspend(conn)
    other = factories.event(conn)
    query = {"organisation_id": str(seller)}

    assert [event["id"] for event in api.get("/v1/events").json["items"]] == [str(other)]
    assert api.get("/v1/events", query=query).json["items"] == []
    own = api.get("/v1/events", query=query, account=manager).json["items"]
    assert [event["id"] for event in own] == [str(running), str(later)]
    assert api.get(f"/v1/events/{later}").status == 200, "who has a ticket reads it"


def test_what_was_sold_is_read_admitted_and_refunded(api: Client, conn: Connection) -> None:
    shop = sellers.Shop(conn)
    sold = shop.sold(shop.ticket_type(), quantity=2)
    scanner = factories.member(conn, shop.organisation, "scanner")
    suspend(conn)

    read = api.get(f"/v1/orders/{sold}", order_token=order_token(sold)).json
    first, second = (ticket["id"] for ticket in read["tickets"])
    scan = {"event_id": str(shop.event), "gate": "North"}
    assert api.post(f"/v1/tickets/{first}/scans", scan, account=scanner).json["outcome"] == "admitted"
    assert sellers.refund(api, shop, sold, ticket_ids=[second]).status == 201
    invariants.check(conn)


def test_every_way_to_buy_is_shut_by_one_decision_and_opened_by_the_next(
    api: Client, conn: Connection, subtests: pytest.Subtests
) -> None:
    shop, admin = sellers.Shop(conn), factories.account(conn, is_admin=True)
    standard, free = shop.ticket_type(), shop.ticket_type(price=0)
    hidden, sold_out = shop.ticket_type(hidden=True), shop.ticket_type(quantity=1)
    factories.order(conn, sold_out, quantity=1)
    factories.voucher(conn, shop.event, code="FREE", discount_kind="free", discount_value=None, unlocks_hidden=True)
    draft = factories.event(conn, organisation_id=shop.organisation, status="draft")
    factories.ticket_type(conn, event_id=draft)
    pending, to_mark = (factories.order(conn, standard) for _ in range(2))
    entry = {"name": "Ada", "email": "ada@example.com", "quantity": 1}
    ways: dict[str, Callable[[], Answer]] = {
        "an order": lambda: api.post("/v1/orders", order_request(standard), key="new"),
        "a free order": lambda: api.post("/v1/orders", order_request(free), key="new"),
        "a voucher": lambda: api.post("/v1/orders", order_request(hidden, voucher="FREE"), key="new"),
        "a payment": lambda: start(api, pending),
        "cash": lambda: sellers.mark_paid(api, shop, to_mark),
        "the waitlist": lambda: api.post(f"/v1/ticket-types/{sold_out}/waitlist", entry),
        "publishing": lambda: api.post(f"/v1/events/{draft}/publish", account=shop.manager),
    }
    assert owners.decide(conn, shop.organisation, admin, "suspend") == owners.DONE
    for name, way in ways.items():
        with subtests.test(way=name):
            code = "organisation_not_approved" if name == "publishing" else "seller_suspended"
            assert (way().status, way().code) == (409, code)
    assert conn.execute("SELECT count(*) FROM tickets").fetchone() == (0,)

    assert owners.decide(conn, shop.organisation, admin, "approve") == owners.DONE
    for name, way in ways.items():
        with subtests.test(way=name):
            assert way().status < 300
    invariants.check(conn)


def test_money_that_was_under_way_goes_back(api: Client, conn: Connection, ticket_type: UUID) -> None:
    order = factories.order(conn, ticket_type)
    payment = started(api, order)
    suspend(conn)

    assert tell(api, payment).json["effect"] == "returned"
    assert tell(api, payment).json["effect"] in ("returned", "ignored"), "the provider repeats itself"

    assert [(paid_by, amount) for paid_by, amount, _ in refunds(conn)] == [(payment["id"], payment["amount"])]
    assert conn.execute("SELECT count(*) FROM tickets").fetchone() == (0,)
    assert "payment_returned" in emails(conn)
    invariants.check(conn)


def test_whoever_repeats_an_order_that_was_placed_before_gets_the_same_answer(
    api: Client, conn: Connection, ticket_type: UUID
) -> None:
    request = order_request(ticket_type)
    placed = api.post("/v1/orders", request, key="before")
    suspend(conn)

    again = api.post("/v1/orders", request, key="before")

    assert (again.status, again.json["id"]) == (201, placed.json["id"])
    assert again.headers["idempotent-replayed"] == "true"


def test_tickets_are_passed_on(api: Client, conn: Connection) -> None:
    shop = sellers.Shop(conn)
    sold = shop.sold(shop.ticket_type(), quantity=1)
    (ticket,) = sellers.tickets_of(conn, sold)
    suspend(conn)

    transfer = factories.transfer(conn, ticket)

    accepted = api.post("/v1/transfers/accept", {"token": transfers.token_of(transfer), "name": "Bola"})
    assert (accepted.status, accepted.json["ticket"]["holder_name"]) == (200, "Bola")
    invariants.check(conn)
