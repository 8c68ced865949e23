"""The job reconcile_books, with Stripe's report."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.payments.models import ReportedEntry, ReportPage
from boxoffice.provider_reports import service
from boxoffice.provider_reports.models import DueReport, ReadPage
from tests.helpers import factories, invariants
from tests.helpers.payers import started
from tests.helpers.provider_servers import Receiver, Stripe, context_of_a_minute
from tests.helpers.reports import NOBODY, charge, differences, entered, posted, reconcile_books, sold
from tests.helpers.support import Client, function

MANY = 250


def test_a_payment_from_end_to_end(stripe: Stripe, receiver: Receiver, api: Client, conn: Connection) -> None:
    """Of EUR 50.00 Stripe keeps 1.5 % and 0.25, which is 1.00."""
    stripe.send_webhooks_to(f"{receiver.url}/v1/webhooks/stripe")
    event = factories.event(conn, currency="EUR")
    order = factories.order(conn, factories.ticket_type(conn, event_id=event, price=2500), quantity=2)
    payment = started(api, order, "stripe")
    stripe.pay(payment)
    assert receiver.answer_about(stripe.intent(payment)) == "200 OK"
    stripe.change_entries(stripe.intent(payment), created=int(time.time()) - 60)

    report = reconcile_books(conn)

    assert (report["pages"], report["entries"], report["units_failed"]) == (1, 1, 0)
    assert posted(conn) == [(False, "provider_fee", 100, "EUR")]
    (row,) = conn.execute(
        "SELECT order_id, event_id, holder, provider FROM ledger_transfers WHERE kind = 'provider_fee'"
    )
    assert row == (order, event, "platform", "stripe")
    assert differences(conn) == []
    text = conn.execute("SELECT to_jsonb(provider_entries)::text FROM provider_entries").fetchone()
    assert text is not None
    assert "Ada" not in text[0]
    booked = "SELECT sum(amount)::bigint FROM ledger_entries WHERE account = 'at_provider' AND provider = 'stripe'"
    assert conn.execute(booked).fetchone() == (-4_900,)  # as Stripe holds it
    invariants.check(conn)


def test_a_repeat_changes_nothing(stripe: Stripe, api: Client, conn: Connection) -> None:
    sold(conn, "pi_1")
    entered(stripe, "charge", 10_000, 175, source=charge("pi_1", 10_000))
    entered(stripe, "fee", -200)

    reports = [reconcile_books(conn) for _ in range(3)]

    assert [report["pages"] for report in reports] == [1, 1, 1]
    assert [report["entries"] for report in reports] == [2, 0, 0]
    assert posted(conn) == [(True, "platform_cost", 200, "EUR"), (False, "provider_fee", 175, "EUR")]
    assert conn.execute("SELECT count(*) FROM ledger_transfers WHERE posting_no > 1").fetchone() == (0,)


def test_it_reads_all_pages_and_then_rests_until_the_night(stripe: Stripe, api: Client, conn: Connection) -> None:
    sold(conn, "pi_1")
    entered(stripe, "charge", 10_000, 175, source=charge("pi_1", 10_000))
    for number in range(MANY):
        entered(stripe, "fee", -1, days_ago=0.001 + number / 1000)
    stripe.take_requests()

    report = reconcile_books(conn)

    assert (report["pages"], report["entries"]) == (3, MANY + 1)
    calls = [path for _, path, _ in stripe.take_requests()]
    assert calls == ["/v1/balance_transactions"] * 3 + ["/v1/balance"]
    assert posted(conn) == [(True, "platform_cost", MANY, "EUR"), (False, "provider_fee", 175, "EUR")]
    minutes = function("reconcile_books").handler({}, context_of_a_minute())
    assert minutes["pages"] == 0
    assert stripe.take_requests() == []


CURRENCIES = [
    # the price, Stripe's amount and fee in its own unit, and the fee in the unit of ISO 4217
    ("JPY", 5000, 5000, 180, 180),  # without decimals
    ("KWD", 10_000, 10_000, 250, 250),  # with three decimals
    ("MGA", 500_000, 5000, 125, 12_500),  # of which Stripe counts whole ones
    ("UGX", 50_000, 5_000_000, 145_000, 1450),  # which Stripe counts in hundredths
    ("ISK", 5000, 500_000, 12_345, 123),  # a fee of 123.45, of which nobody can pay a part
    ("EUR", 10, 10, 25, 25),  # a fee that is larger than the charge
]


def test_currencies(stripe: Stripe, api: Client, conn: Connection) -> None:
    for code, price, amount, fee, _ in CURRENCIES:
        sold(conn, f"pi_{code}", price, code, days_ago=3)
        source = charge(f"pi_{code}", amount, code.lower())
        entered(stripe, "charge", amount, fee, days_ago=3, currency=code.lower(), source=source)
    entered(stripe, "fee", -5, currency="usdc")  # nobody sells in it, so it is left out

    assert reconcile_books(conn)["units_failed"] == 0

    assert posted(conn) == [(False, "provider_fee", booked, code) for code, *_, booked in sorted(CURRENCIES)]
    assert differences(conn) == []


def test_money_that_was_converted(stripe: Stripe, api: Client, conn: Connection) -> None:
    sold(conn, "pi_1", days_ago=3)
    source = charge("pi_1", 10_000)
    entered(stripe, "charge", 10_900, 350, days_ago=3, currency="usd", exchange_rate=1.09, source=source)
    entered(stripe, "payout", -10_550, currency="usd", source={"id": "po_1", "object": "payout"})

    reconcile_books(conn)

    assert posted(conn) == [
        (True, "exchange", 9_679, "EUR"),
        (True, "exchange", -10_550, "USD"),
        (False, "provider_fee", 321, "EUR"),
        (True, "settlement", 10_550, "USD"),
    ]
    assert differences(conn) == []
    left = "SELECT sum(amount)::bigint FROM ledger_entries WHERE account = 'at_provider' AND currency = 'USD'"
    assert conn.execute(left).fetchone() == (0,)


def test_an_entry_before_its_webhook_waits_for_it(stripe: Stripe, api: Client, conn: Connection) -> None:
    sold(conn, "pi_1")
    entered(stripe, "charge", 5_000, 100, source=charge("pi_late", 5_000))

    reconcile_books(conn)
    assert (posted(conn), differences(conn)) == ([], [])

    sold(conn, "pi_late", 5_000)
    assert reconcile_books(conn)["entries"] == 1
    assert posted(conn) == [(False, "provider_fee", 100, "EUR")]
    assert conn.execute("SELECT count(*) FROM provider_entries WHERE due_at IS NOT NULL").fetchone() == (0,)


class TestDifferences:
    @pytest.fixture(autouse=True)
    def money(self, stripe: Stripe, api: Client, conn: Connection) -> UUID:
        order = sold(conn, "pi_1", days_ago=5)
        entered(stripe, "charge", 10_000, 175, days_ago=4.9, source=charge("pi_1", 10_000))
        return order

    def test_money_that_we_do_not_know(self, stripe: Stripe, conn: Connection) -> None:
        entered(stripe, "charge", 5_000, 100, days_ago=3, source=charge("pi_2", 5_000))

        for _ in range(2):
            reconcile_books(conn)
            assert differences(conn) == [("missing_here", 5_000, "EUR", "pi_2")]

        sold(conn, "pi_2", 5_000, days_ago=2.9)
        reconcile_books(conn)
        assert differences(conn) == []
        settled = "SELECT resolution, settled_by FROM money_matters WHERE kind = 'books_differ'"
        assert conn.execute(settled).fetchall() == [("explained", None)]

    def test_money_that_names_a_payment_of_ours_is_its_organisations_matter(
        self, stripe: Stripe, conn: Connection
    ) -> None:
        event = factories.event(conn, currency="EUR")
        order = factories.order(conn, factories.ticket_type(conn, event_id=event))
        payment = factories.payment(conn, order, provider="stripe", provider_reference="pi_2")
        metadata = {"payment_id": str(payment)}
        entered(stripe, "charge", 5_000, 100, days_ago=3, source=charge("pi_2", 5_000, metadata=metadata))

        reconcile_books(conn)

        (found,) = conn.execute("SELECT organisation_id, order_id, payment_id FROM money_matters").fetchall()
        owner = conn.execute("SELECT organisation_id FROM orders WHERE id = %s", [order]).fetchone()
        assert found == (*(owner or ()), order, payment)

    def test_money_of_a_payment_that_was_paid_twice(self, stripe: Stripe, conn: Connection) -> None:
        (payment,) = conn.execute("SELECT payment_id FROM incoming_payments").fetchone() or ()
        twice = charge("pi_2", 10_000, metadata={"payment_id": str(payment)})
        entered(stripe, "charge", 10_000, 175, days_ago=3, source=twice)

        reconcile_books(conn)

        assert differences(conn) == [("missing_here", 10_000, "EUR", "pi_2")]

    def test_what_a_person_has_settled_is_not_opened_again(self, stripe: Stripe, api: Client, conn: Connection) -> None:
        entered(stripe, "charge", 5_000, 100, days_ago=3, source=charge(None, 5_000))
        reconcile_books(conn)
        admin = factories.account(conn, is_admin=True)
        path = f"/v1/organisations/{NOBODY}/money-matters"
        (matter,) = api.get(path, account=admin).json["items"]
        assert (matter["kind"], matter["actions"]) == ("books_differ", ["done"])
        assert matter["happened"] == "Stripe reports a charge of €50.00 that Boxoffice does not know (ch_None)."
        done = {"action": "done", "note": "Sold by hand"}
        assert api.post(f"{path}/{matter['id']}", done, account=admin, key="new").status == 200

        reconcile_books(conn)

        assert differences(conn) == []

    def test_money_that_they_do_not_report(self, stripe: Stripe, conn: Connection) -> None:
        sold(conn, "pi_2", 5_000, days_ago=3)
        for _ in range(2):
            reconcile_books(conn)
            assert differences(conn) == [("missing_there", 5_000, "EUR", "pi_2")]

        entered(stripe, "charge", 5_000, 100, source=charge("pi_2", 5_000))
        reconcile_books(conn)
        assert differences(conn) == []

    def test_money_of_the_last_two_days_may_not_be_reported_yet(self, stripe: Stripe, conn: Connection) -> None:
        sold(conn, "pi_2", 5_000, days_ago=1.9)
        reconcile_books(conn)
        assert differences(conn) == []

    def test_another_amount_another_currency_and_what_nobody_understands(
        self, stripe: Stripe, api: Client, conn: Connection
    ) -> None:
        sold(conn, "pi_2", 5_000, days_ago=3)
        sold(conn, "pi_3", 5_000, days_ago=2.9)
        entered(stripe, "charge", 4_000, 100, days_ago=3, source=charge("pi_2", 4_000))
        entered(stripe, "charge", 5_000, 100, days_ago=3, currency="usd", source=charge("pi_3", 5_000, "usd"))
        entered(stripe, "other_adjustment", -77)

        reconcile_books(conn)

        assert sorted(differences(conn)) == [
            ("not_understood", 77, "EUR", differences(conn)[-1][3]),
            ("other_amount", 4_000, "EUR", "pi_2"),
            ("other_currency", 5_000, "USD", "pi_3"),
        ]
        reports = function("reconcile_payments").handler({}, context_of_a_minute())
        assert reports["books_differ"] == 3

    def test_a_charge_that_fails_in_the_end(self, stripe: Stripe, conn: Connection) -> None:
        """A bank debit is entered when it begins. If it fails, both entries cancel out."""
        entered(stripe, "charge", 5_000, 0, days_ago=4, type="payment", source=charge("pi_2", 5_000))
        entered(stripe, "charge_failure", -5_000, 0, days_ago=3, source=charge("pi_2", 5_000))
        entered(stripe, "charge_failure", -10_000, 0, days_ago=3, source=charge("pi_1", 10_000))

        reconcile_books(conn)

        assert differences(conn) == [("other_amount", 10_000, "EUR", "pi_1")] * 2


class TestWhatGoesBack:
    def refund(self, conn: Connection, order: UUID, reference: str, status: str = "succeeded") -> None:
        conn.execute(
            """INSERT INTO refunds (id, payment_id, incoming_payment_id, amount, currency, reason, status, due_at,
                provider_reference, closed_at)
            SELECT gen_random_uuid(), payment_id, incoming.id, 4000, incoming.currency, '', %s, NULL, %s,
                now() - interval '3 days'
            FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id WHERE order_id = %s""",
            [status, reference, order],
        )

    def reversal(self, conn: Connection, order: UUID, kind: str, reference: str, status: str) -> None:
        conn.execute(
            """INSERT INTO reversals (id, provider, merchant_id, kind, reference, payment_id, money_reference,
                incoming_payment_id, amount, currency, status, reason)
            SELECT uuidv7('-3 days'), 'stripe', incoming.merchant_id, %s, %s, payment_id, incoming.reference,
                incoming.id, 4000, incoming.currency, %s, ''
            FROM incoming_payments AS incoming JOIN payments ON payments.id = payment_id WHERE order_id = %s""",
            [kind, reference, status, order],
        )

    @pytest.fixture
    def order(self, stripe: Stripe, api: Client, conn: Connection) -> UUID:
        order = sold(conn, "pi_1", days_ago=5)
        entered(stripe, "charge", 10_000, 175, days_ago=4.9, source=charge("pi_1", 10_000))
        return order

    def source(self, name: str, kind: str = "refund") -> dict[str, Any]:
        return {"id": name, "object": kind, "payment_intent": "pi_1", "amount": 4_000, "currency": "eur"}

    def test_refunds_of_ours_and_made_elsewhere(self, stripe: Stripe, conn: Connection, order: UUID) -> None:
        self.refund(conn, order, "re_1")
        self.reversal(conn, order, "refund", "re_2", "made")
        for name in ("re_1", "re_2"):
            entered(stripe, "refund", -4_000, days_ago=3, source=self.source(name))

        reconcile_books(conn)

        assert differences(conn) == []
        assert posted(conn) == [(False, "provider_fee", 175, "EUR")]

    def test_refunds_that_one_side_does_not_know(self, stripe: Stripe, conn: Connection, order: UUID) -> None:
        self.refund(conn, order, "re_1")
        self.reversal(conn, order, "refund", "re_2", "made")
        entered(stripe, "refund", -4_000, days_ago=3, source=self.source("re_3"))

        reconcile_books(conn)

        assert sorted(differences(conn)) == [
            ("missing_here", 4_000, "EUR", "re_3"),
            ("missing_there", 4_000, "EUR", "re_1"),
            ("missing_there", 4_000, "EUR", "re_2"),
        ]

    def test_a_refund_that_failed_needs_no_explanation(self, stripe: Stripe, conn: Connection, order: UUID) -> None:
        entered(stripe, "refund", -4_000, days_ago=4, source=self.source("re_1"))
        reconcile_books(conn)
        assert differences(conn) == [("missing_here", 4_000, "EUR", "re_1")]

        entered(stripe, "refund_failure", 4_000, days_ago=0.01, source=self.source("re_1"))
        reconcile_books(conn)
        assert differences(conn) == []

    def test_the_fee_of_a_dispute_stays_although_it_is_won(self, stripe: Stripe, conn: Connection, order: UUID) -> None:
        self.reversal(conn, order, "dispute", "du_1", "open")
        entered(stripe, "dispute", -4_000, 1_500, days_ago=4, source=self.source("du_1", "dispute"))
        reconcile_books(conn)
        assert differences(conn) == []

        conn.execute("UPDATE reversals SET status = 'won'")
        entered(stripe, "dispute_reversal", 4_000, source=self.source("du_1", "dispute"))
        reconcile_books(conn)
        assert differences(conn) == []
        assert posted(conn) == [(False, "provider_fee", 1_675, "EUR")]

    def test_a_fee_that_the_provider_gives_back(self, stripe: Stripe, conn: Connection, order: UUID) -> None:
        self.reversal(conn, order, "dispute", "du_1", "won")
        entered(stripe, "dispute", -4_000, 1_500, days_ago=4, source=self.source("du_1", "dispute"))
        entered(stripe, "dispute_reversal", 4_000, -1_500, source=self.source("du_1", "dispute"))

        reconcile_books(conn)

        assert posted(conn) == [(False, "provider_fee", 175, "EUR")]

    def test_a_payout_that_comes_back(self, stripe: Stripe, conn: Connection, order: UUID) -> None:
        payout = {"id": "po_1", "object": "payout"}
        entered(stripe, "payout", -9_000, 45, source=payout)
        entered(stripe, "payout_reversal", 9_000, source=payout)
        entered(stripe, "payout_minimum_balance_hold", -500)

        reconcile_books(conn)

        assert posted(conn) == [
            (True, "platform_cost", 45, "EUR"),
            (False, "provider_fee", 175, "EUR"),
            (True, "settlement", 0, "EUR"),
        ]
        assert differences(conn) == []


def test_no_entry_is_of_the_future(stripe: Stripe, api: Client, conn: Connection) -> None:
    sold(conn, "pi_1")
    reconcile_books(conn)
    now = datetime.now(UTC)
    later = now + timedelta(days=400)
    entry = ReportedEntry("txn_1", "charge", "charge", later, 5_000, 100, "EUR", "pi_2", "pi_2")
    report = DueReport("stripe", now, now, None)

    assert service.store_page(conn, ReadPage(report, ReportPage([entry], None))) == 1  # type: ignore[arg-type]

    (made_at,) = conn.execute("SELECT made_at FROM provider_entries").fetchone() or ()
    assert now <= made_at <= datetime.now(UTC)


def test_a_provider_that_gives_no_page_is_asked_again(stripe: Stripe, api: Client, conn: Connection) -> None:
    sold(conn, "pi_1")
    entered(stripe, "charge", 10_000, 175, source=charge("pi_1", 10_000))
    for mode in ("busy", "error", "html", "nonsense"):
        stripe.set_mode(mode)
        report = reconcile_books(conn)
        assert (report["pages"], report["units_failed"]) == (0, 1)
        conn.execute("DELETE FROM paces")  # a 429 moves the next turn on

    stripe.set_mode("works")
    assert reconcile_books(conn)["pages"] == 1
    assert posted(conn) == [(False, "provider_fee", 175, "EUR")]


def test_without_money_nobody_is_asked(stripe: Stripe, api: Client, conn: Connection) -> None:
    assert reconcile_books(conn)["pages"] == 0
    assert stripe.take_requests() == []
