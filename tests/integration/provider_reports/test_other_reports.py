"""The reports of Flutterwave, by its settlements, and of the sandbox."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.payments import sending
from tests.helpers import factories, invariants
from tests.helpers.payers import started
from tests.helpers.provider_servers import Flutterwave, Receiver, Sandbox, charge_completed, send_webhook
from tests.helpers.reports import differences, posted, reconcile_books
from tests.helpers.support import Client


class TestFlutterwave:
    @pytest.fixture
    def ticket_type(self, api: Client, conn: Connection) -> UUID:
        return factories.ticket_type(conn, event_id=factories.event(conn), price=10_000)

    def paid(self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID, **facts: Any) -> Any:
        payment = started(api, factories.order(conn, ticket_type, quantity=1), "flutterwave")
        transaction = flutterwave.pay(payment, **facts)
        assert send_webhook(api, "flutterwave", charge_completed(transaction)).json["effect"] == "paid"
        return transaction

    def test_a_settlement(self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID) -> None:
        """Of two times NGN 100.00, Flutterwave keeps 1.40 each, and a refund of 20.00. It pays out 177.20."""
        transactions = [self.paid(flutterwave, api, conn, ticket_type) for _ in range(2)]
        settlement = flutterwave.settle(*transactions, refund=20)
        flutterwave.take_requests()

        for _ in range(2):
            reconcile_books(conn)
            assert posted(conn) == [(False, "provider_fee", 280, "NGN"), (True, "settlement", 17_720, "NGN")]
            assert differences(conn) == []
        calls = [call.partition("?")[0] for call in flutterwave.take_requests()]
        assert calls[:3] == ["GET /settlements", f"GET /settlements/{settlement['id']}", "GET /settlements"]
        entries = conn.execute("SELECT kind, amount, fee FROM provider_entries ORDER BY kind, id").fetchall()
        assert entries == [
            ("charge", 10_000, 140),
            ("charge", 10_000, 140),
            ("payout", -17_720, 0),
            ("refund", -2_000, 0),
        ]

    def test_one_that_is_not_completed_waits_and_money_in_the_wallet_is_still_there(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        transactions = [self.paid(flutterwave, api, conn, ticket_type) for _ in range(2)]
        flutterwave.settle(transactions[0], status="pending")
        flutterwave.settle(transactions[1], destination="autowallet")

        reconcile_books(conn)

        assert posted(conn) == [(False, "provider_fee", 140, "NGN")]

    def test_what_a_settlement_does_not_explain_is_a_matter(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        settlement = flutterwave.settle(self.paid(flutterwave, api, conn, ticket_type), net_amount=90)

        reconcile_books(conn)

        assert differences(conn) == [("not_understood", 860, "NGN", f"{settlement['id']}:other")]
        assert posted(conn) == [(False, "provider_fee", 140, "NGN"), (True, "settlement", 9_000, "NGN")]

    def test_what_is_settled_in_another_currency_tells_of_no_fee(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        """Of NGN 100.00 comes one dollar, or so Flutterwave says."""
        transaction = self.paid(flutterwave, api, conn, ticket_type)
        settlement = flutterwave.settle(transaction, currency="USD", net_amount=1)

        reconcile_books(conn)

        assert posted(conn) == [(True, "settlement", 100, "USD")]
        assert differences(conn) == [("not_understood", 100, "USD", f"{settlement['id']}:other")]

    def test_a_fee_that_the_buyer_has_paid(
        self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID
    ) -> None:
        """The buyer paid NGN 101.40, of which 100.00 is ours."""
        flutterwave.settle(self.paid(flutterwave, api, conn, ticket_type, charged_amount=101.4))
        conn.execute("UPDATE incoming_payments SET received_at = now() - interval '20 days'")

        reconcile_books(conn)

        assert posted(conn) == [(True, "settlement", 10_000, "NGN")]
        assert differences(conn) == []

    def test_many_settlements(self, flutterwave: Flutterwave, api: Client, conn: Connection, ticket_type: UUID) -> None:
        self.paid(flutterwave, api, conn, ticket_type)
        for _ in range(21):
            flutterwave.settle(net_amount=-1, refund=1)

        assert reconcile_books(conn)["units_failed"] == 0

        kinds = "SELECT kind, count(*) FROM provider_entries WHERE amount = ANY(%s) GROUP BY kind ORDER BY kind"
        assert conn.execute(kinds, [[-100, 100]]).fetchall() == [("payout", 21), ("refund", 21)]


def test_the_sandbox(sandbox: Sandbox, receiver: Receiver, api: Client, conn: Connection) -> None:
    """Of NGN 100.00 the sandbox keeps 1.5 %. A part is refunded, and a dispute is won."""
    sandbox.send_webhooks_to(receiver.url)
    begun, before = datetime.now(UTC), sandbox.balance().get("NGN", 0)
    order = factories.order(conn, factories.ticket_type(conn, price=10_000), quantity=1)
    payment = started(api, order)
    assert sandbox.decide(payment) == [200]
    with conn.transaction():
        refund = sending.owe_refund(conn, payment["id"], 3_000, "asked for")
    sending.send_refunds(conn, ids=[refund])
    for kind in ("dispute.opened", "dispute.won"):
        sandbox.reverse(payment, kind, 2_000)
    conn.execute("UPDATE incoming_payments SET received_at = received_at - %s", [timedelta(days=3)])

    reconcile_books(conn)

    assert posted(conn) == [(False, "provider_fee", 150, "NGN")]
    assert differences(conn) == []
    booked = "SELECT sum(amount)::bigint FROM ledger_entries WHERE account = 'at_provider'"
    assert conn.execute(booked).fetchone() == (-6_850,)
    assert sandbox.balance()["NGN"] - before == 6_850
    invariants.check(conn)
    query = "SELECT kind, amount FROM provider_entries WHERE made_at >= %s ORDER BY made_at"
    moved = conn.execute(query, [begun]).fetchall()  # the sandbox remembers what other tests have paid, too
    assert moved == [("charge", 10_000), ("refund", -3_000), ("dispute", -2_000), ("dispute", 2_000)]


def test_a_sandbox_without_a_server_has_no_report(api: Client, conn: Connection) -> None:
    factories.payment(conn, factories.paid_order(conn, factories.ticket_type(conn)), status="succeeded")
    assert reconcile_books(conn)["units_failed"] == 0
    assert conn.execute("SELECT reading_until, compared_until = read_until FROM provider_reports").fetchall() == [
        (None, True)
    ]
