"""The end of a sale: the provider answers again, all that is open comes to an end, and its books equal ours."""

from typing import Any

from tests.helpers import invariants
from tests.helpers.provider_servers import context_of_a_minute, due_at, make_all_due
from tests.helpers.racing import on
from tests.helpers.support import Client, context, function
from tests.stateful import money_deeds
from tests.stateful.sale import Sale

_ROUNDS = 12
"""So many runs of the jobs are enough: each step of what is open needs one, and some steps need another one first."""

_OPEN = """SELECT 'order', to_jsonb(orders) FROM orders WHERE status = 'pending'
    UNION ALL SELECT 'payment', to_jsonb(payments) FROM payments
        WHERE status IN ('pending', 'processing') AND provider = 'sandbox'
    UNION ALL SELECT 'refund', to_jsonb(refunds) FROM refunds WHERE status IN ('owed', 'sent')
    UNION ALL SELECT 'order to end', to_jsonb(incoming_payments) FROM incoming_payments
        WHERE ends_order_at IS NOT NULL"""


def close(sale: Sale, api: Client) -> None:
    """End the sale, and compare the books.

    Raises:
        AssertionError: something stays open, or the provider knows of other money than we do.
    """
    sale.sandbox.control("forget")
    sale.conn.execute("UPDATE organisations SET status = 'approved'")
    _let_the_provider_decide(sale, api)
    _run_jobs(sale, api)
    _retry_refunds(sale, api)
    _run_jobs(sale, api)
    still_open = sale.conn.execute(_OPEN).fetchall()
    assert still_open == [], still_open
    invariants.check(sale.conn)
    for payment in _payments(sale):
        _compare(sale, payment, sale.sandbox.payment(payment))


def _payments(sale: Sale) -> list[str]:
    query = "SELECT id::text FROM payments WHERE provider = 'sandbox' ORDER BY id"
    return [payment for (payment,) in sale.conn.execute(query).fetchall()]


def _let_the_provider_decide(sale: Sale, api: Client) -> None:
    """Let what takes days come to an end at the provider. Then all its webhooks about money that went back arrive."""
    for number, payment in enumerate(_payments(sale)):
        known = sale.sandbox.payment(payment)
        if known.get("status") == "processing":
            sale.sandbox.control(f"payments/{payment}", status=("succeeded", "failed")[number % 2])
        for refund in known.get("refunds", []):
            sale.sandbox.control(f"refunds/{refund['id']}", status="succeeded")
        for reversal in known.get("reversals", []):
            with on(sale.conn):
                money_deeds.tell_of(api, known, reversal)


def _run_jobs(sale: Sale, api: Client) -> None:
    """Run the jobs until nothing is open, but not for ever."""
    for _ in range(_ROUNDS):
        sale.conn.execute("UPDATE orders SET expires_at = now() - interval '1 second' WHERE status = 'pending'")
        make_all_due(sale.conn)
        with on(sale.conn):
            function("reconcile_payments").handler({}, context_of_a_minute())
            for sender in money_deeds.SENDERS:
                function("send_refunds").handler(due_at(sender), context_of_a_minute())
            for job in ("finish_cancellations", "expire_orders"):
                function(job).handler({}, context())
        if not sale.conn.execute(_OPEN).fetchall():
            return


def _retry_refunds(sale: Sale, api: Client) -> None:
    """Send each refund again that the provider has refused."""
    query = """SELECT organisation_id, id, account_id FROM money_matters JOIN members USING (organisation_id)
        WHERE kind = 'refund_failed' AND settled_at IS NULL AND role = 'owner'"""
    for organisation, matter, owner in sale.conn.execute(query).fetchall():
        with on(sale.conn):
            money_deeds.settle(api, organisation, matter, owner, {"action": "retry"})


def _compare(sale: Sale, payment: str, known: dict[str, Any]) -> None:
    """Compare what the provider knows of a payment with what we do, to the minor unit."""
    received = [known["amount"]] if known.get("status") == "succeeded" else []
    query = """SELECT amount, refunded, refunded_elsewhere, pays_order FROM incoming_payments WHERE payment_id = %s"""
    incoming = sale.conn.execute(query, [payment]).fetchall()
    assert [amount for amount, *_ in incoming] == received, (known, incoming)
    if not received:
        return
    ((amount, refunded, elsewhere, pays_order),) = incoming
    refunds = sale.conn.execute(
        """SELECT provider_reference, amount - elsewhere, status FROM refunds
        WHERE payment_id = %s AND amount > elsewhere""",
        [payment],
    ).fetchall()
    facts = (known, incoming, refunds)

    made = {refund["id"]: refund["amount"] for refund in known["refunds"] if refund["status"] == "succeeded"}
    assert made == {reference: sent for reference, sent, _ in refunds if reference is not None}, facts
    assert sum(sent for _, sent, _ in refunds) == refunded, facts
    assert pays_order or refunded + elsewhere == amount, facts

    gone = [each for each in known["reversals"] if each["type"] in ("refund.created", "dispute.lost")]
    if not _differs(sale, payment):
        assert sum(reversal["amount"] for reversal in gone) == elsewhere, facts
        assert amount - sum(made.values()) - elsewhere - _paid_by_hand(sale, payment) == _held(sale, payment), facts
    left = amount - known["refunded"]
    assert all(sent > left for _, sent, status in refunds if status == "failed"), facts


def _held(sale: Sale, payment: str) -> int:
    """Return how much of a payment the provider has by the ledger."""
    query = """SELECT -coalesce(sum(ledger_entries.amount), 0)::bigint FROM ledger_entries
        JOIN incoming_payments ON incoming_payments.id = source_id
        WHERE account = 'at_provider' AND payment_id = %s"""
    (held,) = sale.conn.execute(query, [payment]).fetchone() or ()
    return int(held)


def _paid_by_hand(sale: Sale, payment: str) -> int:
    """Return how much of a payment's refunds people have sent another way, as they told us."""
    query = """SELECT coalesce(sum(amount - elsewhere), 0)::bigint FROM refunds
        WHERE payment_id = %s AND status = 'succeeded' AND provider_reference IS NULL"""
    (sent,) = sale.conn.execute(query, [payment]).fetchone() or ()
    return int(sent)


def _differs(sale: Sale, payment: str) -> bool:
    """Return True if a person was told that more or less went back than is left of a payment."""
    query = "SELECT EXISTS (SELECT FROM money_matters WHERE kind = 'difference' AND payment_id = %s)"
    return sale.conn.execute(query, [payment]).fetchone() == (True,)
