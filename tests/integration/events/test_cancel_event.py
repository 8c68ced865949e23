"""POST /v1/events/{event_id}/cancel, and the job that refunds the orders"""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants, payers, sellers
from tests.helpers.audit import only_entry
from tests.helpers.sellers import (
    Shop,
    cancel_event,
    finish_cancellations,
    given_back,
    history,
    outbox_of,
    status_of,
    tickets_of,
)
from tests.helpers.support import Client


@pytest.fixture
def shop(conn: Connection) -> Shop:
    return Shop(conn)


def cart(shop: Shop, ours: UUID, others: UUID) -> UUID:
    """Place an order of two tickets of one event and three of another."""
    order = factories.order(shop.conn, ours)
    sellers.add_item(shop.conn, order, others, 3)
    return order


def is_finished(conn: Connection) -> bool:
    return conn.execute(
        "SELECT cancellation_finished_at IS NOT NULL FROM events WHERE cancelled_at IS NOT NULL"
    ).fetchone() == (True,)


class TestCancel:
    def test_nobody_can_buy_a_cancelled_event(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()

        answer = cancel_event(api, shop)

        assert (answer.status, answer.json["status"]) == (200, "cancelled")
        assert answer.version == 2
        assert api.post("/v1/orders", factories.order_request(ticket_type), key="new").code == "ticket_type_not_found"
        assert api.get(f"/v1/events/{shop.event}").json["status"] == "cancelled"
        assert [row["id"] for row in api.get("/v1/events").json["items"]] == []

    def test_cancelling_again_changes_nothing(self, api: Client, conn: Connection, shop: Shop) -> None:
        sellers.enable_webhooks(conn)

        answers = [cancel_event(api, shop) for _ in range(2)]

        assert answers[1].json == answers[0].json
        entry = only_entry(conn)
        assert (entry.action, entry.details["reason"]) == ("cancel_event", "The singer is ill.")
        assert (entry.details["before"], entry.details["after"]) == ({"status": "published"}, {"status": "cancelled"})
        (webhook,) = sellers.webhooks(conn)
        assert webhook["type"] == "event.cancelled"
        assert webhook["data"]["event_id"] == str(shop.event)
        invariants.check(conn)

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "/v1/events/{event}", {"title": "Jazz"}),
            ("POST", "/v1/events/{event}/ticket-types", {"name": "Late", "price": 100, "quantity": 5}),
            ("PATCH", "/v1/ticket-types/{ticket_type}", {"quantity": 500}),
            ("PUT", "/v1/ticket-types/{ticket_type}/seats", {"rows": [{"section": "A", "row": "1", "numbers": ["1"]}]}),
            ("POST", "/v1/events/{event}/vouchers", {"code": "LATE", "discount": {"kind": "free"}}),
            ("PATCH", "/v1/vouchers/{voucher}", {"max_redemptions": 500}),
        ],
    )
    def test_a_cancelled_event_cannot_be_edited(
        self, api: Client, conn: Connection, shop: Shop, method: str, path: str, body: dict[str, object]
    ) -> None:
        names = {"ticket_type": shop.ticket_type(), "voucher": factories.voucher(conn, shop.event), "event": shop.event}
        cancel_event(api, shop)

        refused = api.request(method, path.format(**names), body, account=shop.manager)

        assert (refused.status, refused.code) == (409, "event_cancelled")

    def test_a_draft_cannot_be_cancelled(self, api: Client, conn: Connection, shop: Shop) -> None:
        conn.execute("UPDATE events SET status = 'draft'")

        assert cancel_event(api, shop).code == "event_not_published"

    def test_a_cancelled_event_cannot_be_published(self, api: Client, conn: Connection, shop: Shop) -> None:
        shop.ticket_type()
        cancel_event(api, shop)

        assert api.post(f"/v1/events/{shop.event}/publish", account=shop.manager).code == "event_cancelled"

    @pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": None}, {"reason": "\n"}, {"reason": 5}])
    def test_a_reason_is_required(self, api: Client, conn: Connection, shop: Shop, body: dict[str, object]) -> None:
        refused = api.post(f"/v1/events/{shop.event}/cancel", body, account=shop.manager)

        assert (refused.status, refused.code) == (422, "invalid")

    def test_only_a_manager_of_the_organisation_can_cancel(self, api: Client, conn: Connection, shop: Shop) -> None:
        path, body = f"/v1/events/{shop.event}/cancel", {"reason": "x"}

        assert api.post(path, body).status == 401
        assert api.post(path, body, account=factories.account(conn)).status == 404
        assert api.post(path, body, account=factories.member(conn, shop.organisation, "scanner")).status == 403
        assert api.post(f"/v1/events/{uuid4()}/cancel", body, account=shop.manager).status == 404


class TestRefunds:
    def test_each_order_is_refunded_and_everybody_gets_one_email(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        ticket_type, free = shop.ticket_type(), shop.ticket_type(price=0)
        paid = shop.sold(ticket_type, buyer_email="ada@example.com")
        given = shop.sold(free, buyer_email="bola@example.com")
        pending = factories.order(conn, ticket_type)
        cancel_event(api, shop)

        assert finish_cancellations() == {"orders": 3, "events": 0, "units_failed": 0}
        assert finish_cancellations() == {"orders": 0, "events": 0, "units_failed": 0}

        assert [status_of(conn, order) for order in (paid, given, pending)] == ["refunded", "refunded", "cancelled"]
        assert given_back(conn) == [10_000]
        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        assert [to for to, _ in outbox_of(conn, "event_cancelled")] == ["ada@example.com", "bola@example.com"]
        assert history(conn, paid)[-1] == ("refunded", "the event was cancelled")
        assert conn.execute("SELECT DISTINCT actor_id FROM order_refunds").fetchall() == [(shop.manager,)]
        invariants.check(conn)

    def test_used_tickets_are_refunded_too(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        factories.scan(conn, tickets_of(conn, order)[0], shop.manager)
        cancel_event(api, shop)

        finish_cancellations()

        assert status_of(conn, order) == "refunded"
        invariants.check(conn)

    def test_only_tickets_of_the_cancelled_event_are_refunded(self, api: Client, conn: Connection, shop: Shop) -> None:
        ours = shop.ticket_type()
        others = shop.ticket_type(event_id=factories.event(conn, organisation_id=shop.organisation), price=700)
        order = cart(shop, ours, others)
        sellers.mark_paid(api, shop, order)
        cancel_event(api, shop)

        finish_cancellations()

        assert status_of(conn, order) == "partially_refunded"
        assert given_back(conn) == [10_000]
        assert (len(tickets_of(conn, order)), len(tickets_of(conn, order, "refunded"))) == (3, 2)
        assert invariants.left(conn, others) == (97, 0, 3)
        assert finish_cancellations()["orders"] == 0
        invariants.check(conn)

    def test_money_that_was_refunded_before_is_not_refunded_again(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = shop.sold(shop.ticket_type(), quantity=3)
        sellers.refund(api, shop, order, ticket_ids=[str(tickets_of(conn, order)[0])])
        sellers.refund(api, shop, order, amount=3000)
        cancel_event(api, shop)

        finish_cancellations()

        assert given_back(conn) == [5000, 3000, 7000]
        invariants.check(conn)

    def test_a_holder_of_tickets_of_several_buyers_gets_one_email(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        ticket_type = shop.ticket_type()
        for buyer in ("ada@example.com", "chi@example.com"):
            for ticket in tickets_of(conn, shop.sold(ticket_type, buyer_email=buyer)):
                sellers.accept(api, factories.transfer(conn, ticket, email="bola@example.com"))
        cancel_event(api, shop)

        finish_cancellations()

        written_to = [to for to, _ in outbox_of(conn, "event_cancelled")]
        assert written_to == ["ada@example.com", "bola@example.com", "chi@example.com"]
        invariants.check(conn)

    def test_a_locked_order_is_left_for_the_next_run(self, api: Client, conn: Connection, shop: Shop) -> None:
        order = shop.sold(shop.ticket_type())
        cancel_event(api, shop)

        with conn.transaction():
            conn.execute("SELECT FROM orders WHERE id = %s FOR NO KEY UPDATE", [order])
            assert finish_cancellations() == {"orders": 0, "events": 0, "units_failed": 0}

        assert finish_cancellations() == {"orders": 1, "events": 0, "units_failed": 0}
        invariants.check(conn)

    def test_an_order_that_fails_does_not_stop_the_others(self, api: Client, conn: Connection, shop: Shop) -> None:
        ticket_type = shop.ticket_type()
        broken, whole = factories.paid_order(conn, ticket_type), shop.sold(ticket_type)
        cancel_event(api, shop)

        assert finish_cancellations() == {"orders": 1, "events": 0, "units_failed": 1}

        assert [status_of(conn, order) for order in (broken, whole)] == ["paid", "refunded"]
        invariants.check(conn)

    def test_an_order_that_was_placed_while_the_event_was_cancelled_is_refunded(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        ticket_type = shop.ticket_type()
        shop.sold(ticket_type)
        cancel_event(api, shop)
        finish_cancellations()
        late = shop.sold(ticket_type)

        assert finish_cancellations()["orders"] == 1

        assert status_of(conn, late) == "refunded"
        assert not is_finished(conn)
        invariants.check(conn)

    def test_the_event_is_finished_when_no_purchase_can_come_any_more(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        broken = factories.paid_order(conn, shop.ticket_type())
        cancel_event(api, shop)
        conn.execute("UPDATE events SET cancelled_at = %s", [factories.NOW - timedelta(minutes=11)])
        finish_cancellations()
        assert not is_finished(conn)
        factories.payment(conn, broken, status="succeeded")

        finish_cancellations()

        assert is_finished(conn)
        invariants.check(conn)

    def test_money_that_comes_after_the_cancellation_is_returned(
        self, api: Client, conn: Connection, shop: Shop
    ) -> None:
        order = factories.order(conn, shop.ticket_type())
        payment = payers.started(api, order)
        cancel_event(api, shop)
        finish_cancellations()

        assert payers.tell(api, payment).json["effect"] == "returned"

        assert given_back(conn) == [10_000]
        invariants.check(conn)
