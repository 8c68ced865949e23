"""Balance reports of providers in tests: money that came by them, the job that reads them, and what it has posted."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg

from boxoffice.ids import first_id
from tests.helpers import factories
from tests.helpers.provider_servers import Stripe
from tests.helpers.support import context, function

NOBODY = UUID(int=0)


def sold(
    conn: psycopg.Connection, reference: str, price: int = 10_000, currency: str = "EUR", *, days_ago: float = 0
) -> UUID:
    """Sell a ticket for money that came by Stripe under a name. Return the order."""
    event = factories.event(conn, currency=currency)
    order = factories.paid_order(conn, factories.ticket_type(conn, event_id=event, price=price), quantity=1)
    received_at = datetime.now(UTC) - timedelta(days=days_ago)
    payment = factories.payment(conn, order, provider="stripe", provider_reference=reference, status="succeeded")
    conn.execute(
        "UPDATE incoming_payments SET id = %s, reference = %s, received_at = %s WHERE payment_id = %s",
        [first_id(received_at), reference, received_at, payment],
    )
    return order


def charge(reference: str | None, amount: int, currency: str = "eur", **facts: Any) -> dict[str, Any]:
    """Return a charge as Stripe shows it, which has the PaymentIntent of that name."""
    return {
        "id": f"ch_{reference}",
        "object": "charge",
        "payment_intent": reference,
        "amount": amount,
        "currency": currency,
        "billing_details": {"name": "Ada Buyer", "email": "ada@example.com"},
        "metadata": {},
        **facts,
    }


def entered(stripe: Stripe, category: str, amount: int, fee: int = 0, *, days_ago: float = 0.01, **facts: Any) -> str:
    """Let Stripe enter a balance transaction some time ago. Return its name."""
    return stripe.enter(category, amount, fee=fee, created=int(time.time() - days_ago * 86_400), **facts)


def reconcile_books(conn: psycopg.Connection) -> dict[str, Any]:
    """Run the job, as if it were night again. Return its report."""
    conn.execute("UPDATE provider_reports SET due_at = now()")
    conn.execute("UPDATE provider_entries SET due_at = now() WHERE due_at IS NOT NULL")
    minutes = SimpleNamespace(**{**vars(context()), "get_remaining_time_in_millis": lambda: 300_000})
    return dict(function("reconcile_books").handler({}, minutes))


def posted(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return what reports have posted: of whom (True for the platform), the kind, the amount and the currency."""
    return conn.execute(
        """SELECT organisation_id = %s, kind, sum(amount)::bigint, currency FROM ledger_transfers
        WHERE source_id IN (SELECT id FROM provider_entries)
        GROUP BY organisation_id, kind, currency ORDER BY kind, currency""",
        [NOBODY],
    ).fetchall()


def differences(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return what is open about the books: the difference, the amount, the currency and the reference."""
    return conn.execute(
        """SELECT details ->> 'difference', amount, currency, reference FROM money_matters
        WHERE kind = 'books_differ' AND settled_at IS NULL ORDER BY id"""
    ).fetchall()
