"""POST /v1/orders/{order_id}/cancel, the job expire_orders, POST /v1/orders/{order_id}/resend-email"""

import json
from uuid import uuid4

import boto3
import pytest
from psycopg import Connection

from boxoffice.guest_tokens import order_token
from tests.helpers import factories, invariants, sellers
from tests.helpers.support import Client, context, function


class TestCancel:
    def test_stock_comes_back_at_once(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        order = factories.order(conn, ticket_type, quantity=4)

        answer = api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order))

        assert answer.json["status"] == "cancelled"
        assert invariants.left(conn, ticket_type) == (100, 0, 0)
        assert conn.execute("SELECT from_status, to_status FROM order_history").fetchall() == [("pending", "cancelled")]
        invariants.check(conn)

    def test_to_cancel_twice_changes_nothing_more(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        order = factories.order(conn, ticket_type)

        answers = [api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order)) for _ in range(2)]

        assert [answer.status for answer in answers] == [200, 200]
        assert invariants.left(conn, ticket_type) == (100, 0, 0)

    def test_a_paid_order_cannot_be_cancelled(self, api: Client, conn: Connection) -> None:
        order = factories.paid_order(conn, factories.ticket_type(conn))

        refused = api.post(f"/v1/orders/{order}/cancel", order_token=order_token(order))

        assert (refused.status, refused.code) == (409, "order_not_pending")

    def test_a_cancellation_by_a_manager_is_in_the_audit_log(self, api: Client, conn: Connection) -> None:
        organisation = factories.organisation(conn)
        manager = factories.member(conn, organisation, "manager")
        event = factories.event(conn, organisation_id=organisation)
        order = factories.order(conn, factories.ticket_type(conn, event_id=event))

        api.post(f"/v1/orders/{order}/cancel", account=manager)

        assert conn.execute("SELECT actor_id, action, subject FROM audit_log").fetchall() == [
            (manager, "cancel_order", f"order {order}")
        ]
        invariants.check(conn)

    def test_strangers_do_not_find_the_order(self, api: Client, conn: Connection) -> None:
        order = factories.order(conn, factories.ticket_type(conn))

        assert api.post(f"/v1/orders/{order}/cancel", account=factories.account(conn)).status == 404
        assert api.post(f"/v1/orders/{uuid4()}/cancel", account=factories.account(conn)).status == 404


class TestExpire:
    def test_orders_with_a_lapsed_hold_expire_and_their_stock_comes_back(self, api: Client, conn: Connection) -> None:
        ticket_type = factories.ticket_type(conn)
        for _ in range(5):
            factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
        kept = factories.order(conn, ticket_type)

        answer = function("expire_orders").handler({}, context())

        assert answer == {"expired": 5, "forgotten": 0, "units_failed": 0}
        assert invariants.left(conn, ticket_type) == (98, 2, 0)
        assert conn.execute("SELECT id FROM orders WHERE status = 'pending'").fetchall() == [(kept,)]
        invariants.check(conn)

    def test_an_order_that_is_being_paid_does_not_expire(self, api: Client, conn: Connection) -> None:
        order = factories.order(conn, factories.ticket_type(conn), expires_at=factories.a_moment_ago())

        with conn.transaction():
            conn.execute("SELECT FROM orders WHERE id = %s FOR NO KEY UPDATE", [order])
            assert function("expire_orders").handler({}, context()) == {"expired": 0, "forgotten": 0, "units_failed": 0}

        assert function("expire_orders").handler({}, context()) == {"expired": 1, "forgotten": 0, "units_failed": 0}

    def test_stock_that_comes_back_is_offered_by_email_at_once(
        self, api: Client, conn: Connection, email_queue: str
    ) -> None:
        ticket_type = factories.ticket_type(conn, quantity=2)
        factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
        factories.waitlist_entry(conn, ticket_type)

        function("expire_orders").handler({}, context())

        (message,) = boto3.client("sqs").receive_message(QueueUrl=email_queue)["Messages"]
        (owed,) = conn.execute("SELECT id FROM outbox").fetchall()
        assert json.loads(message["Body"]) == {"outbox_id": str(owed[0])}


class TestResend:
    def test_the_confirmation_is_owed_once_more(self, api: Client, conn: Connection) -> None:
        order = factories.paid_order(conn, factories.ticket_type(conn))

        answer = api.post(f"/v1/orders/{order}/resend-email", order_token=order_token(order))

        assert answer.status == 202
        assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (2,)

    def test_an_order_that_is_not_paid_has_no_confirmation(self, api: Client, conn: Connection) -> None:
        order = factories.order(conn, factories.ticket_type(conn))

        assert api.post(f"/v1/orders/{order}/resend-email", order_token=order_token(order)).code == "order_not_paid"

    @pytest.mark.parametrize(("tickets", "status"), [(1, 202), (2, 409)])
    def test_it_is_sent_as_long_as_a_ticket_is_valid(
        self, api: Client, conn: Connection, tickets: int, status: int
    ) -> None:
        shop = sellers.Shop(conn)
        order = shop.sold(shop.ticket_type())
        ids = [str(each) for (each,) in conn.execute("SELECT id FROM tickets")]
        assert sellers.refund(api, shop, order, ticket_ids=ids[:tickets]).status == 201
        confirmations = "SELECT count(*) FROM outbox WHERE template = 'order_confirmation'"
        before = conn.execute(confirmations).fetchone()

        answer = api.post(f"/v1/orders/{order}/resend-email", order_token=order_token(order))

        assert answer.status == status
        assert (conn.execute(confirmations).fetchone() == before) is (status == 409)

    def test_the_sixth_in_an_hour_is_too_many(self, api: Client, conn: Connection) -> None:
        order = factories.paid_order(conn, factories.ticket_type(conn))

        answers = [api.post(f"/v1/orders/{order}/resend-email", order_token=order_token(order)) for _ in range(6)]

        assert [answer.status for answer in answers] == [202] * 5 + [429]
        assert int(answers[5].headers["retry-after"]) > 3000
        assert answers[4].headers["ratelimit-remaining"] == "0"
