"""What the sandbox knows, in a file of SQLite."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from boxoffice import sql

FOLDER = Path(__file__).parent
SQL = sql.queries(str(FOLDER))

FIRST_WAIT, LONGEST_WAIT = 2.0, 300.0
"""The time between the first two attempts to send a webhook, which doubles each time, and the longest. In seconds."""

MOST_ATTEMPTS = 1000
"""After so many attempts, some three days, a webhook is given up."""

FIRST_TYPES = ("refund.created", "dispute.opened")
"""The types of the first webhook about a refund on the dashboard, and about a dispute."""

type Status = Literal["processing", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True)
class Payment:
    """A payment as the sandbox knows it."""

    id: str
    amount: int
    currency: str
    number: str
    buyer: str
    return_url: str
    status: str
    refunded: int

    def formatted(self, amount: int) -> str:
        """Return an amount in minor units as people write it."""
        from boxoffice import money

        return money.show(amount, self.currency)


@dataclass(frozen=True)
class Refund:
    """A refund as the sandbox knows it."""

    id: str
    payment_id: str
    amount: int
    status: str
    reason: str | None


class Memory:
    """Payments, refunds and webhooks. Each method is one transaction, and threads take turns."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, autocommit=True, check_same_thread=False)
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        self._connection.executescript((FOLDER / "schema.sql").read_text())

    def add_payment(
        self, payment_id: str, amount: int, currency: str, number: str, buyer: str, return_url: str
    ) -> Payment:
        """Add a payment, or return it as it is if it is known."""
        with self._transaction() as connection:
            values = {
                "amount": amount,
                "currency": currency,
                "number": number,
                "buyer": buyer,
                "return_url": return_url,
            }
            connection.execute(SQL.insert_payment, {"id": payment_id, **values})
            payment = _payment(connection, payment_id)
            assert payment is not None
            return payment

    def payment(self, payment_id: str) -> Payment | None:
        """Return a payment, or None if it is not known."""
        with self._transaction() as connection:
            return _payment(connection, payment_id)

    def end_payment(
        self,
        payment_id: str,
        status: Status,
        webhook: tuple[str, str] | None = None,
        *,
        delay: float = 0,
        amount: int | None = None,
    ) -> bool:
        """Set the status of a payment, and owe a webhook about it. Return False if the payment has ended before.

        Args:
            webhook: the id and the body.
            delay: how long to wait before the webhook is due, in seconds.
            amount: what came, if it is not what was asked for.
        """
        with self._transaction() as connection:
            values = {"id": payment_id, "status": status, "amount": amount}
            changed = connection.execute(SQL.set_status, values).rowcount == 1
            if changed and webhook is not None:
                due_at = time.time() + delay
                connection.execute(SQL.insert_webhook, {"id": webhook[0], "body": webhook[1], "due_at": due_at})
            return changed

    def add_refund(self, refund_id: str, payment_id: str, amount: int, currency: str, status: str) -> Refund | None:
        """Add a refund, or return it as it is if it is known. None if less than the amount is left."""
        with self._transaction() as connection:
            values = {"payment_id": payment_id, "amount": amount, "currency": currency, "status": status}
            connection.execute(SQL.insert_refund, {"id": refund_id, **values})
            return _refund(connection, refund_id)

    def refund(self, refund_id: str) -> Refund | None:
        """Return a refund, or None if it is not known."""
        with self._transaction() as connection:
            return _refund(connection, refund_id)

    def refunds(self, payment_id: str) -> list[Refund]:
        """Return the refunds that the API has made of a payment."""
        with self._transaction() as connection:
            return [Refund(*row) for row in connection.execute(SQL.list_refunds, {"payment_id": payment_id})]

    def end_refund(self, refund_id: str, status: str, reason: str | None) -> None:
        """Set how a refund ended that was under way."""
        with self._transaction() as connection:
            connection.execute(SQL.set_refund, {"id": refund_id, "status": status, "reason": reason})

    def set_reversal(self, reference: str, payment_id: str, kind: str, amount: int, webhook: tuple[str, str]) -> bool:
        """Store a refund that somebody made on the dashboard, or a dispute, and owe a webhook about it.

        Return False if it cannot be: less than the amount is left, or it has ended before.

        Args:
            kind: the type of the webhook.
            webhook: the id and the body.
        """
        with self._transaction() as connection:
            values = {"reference": reference, "payment_id": payment_id, "type": kind, "amount": amount}
            statement = SQL.insert_reversal if kind in FIRST_TYPES else SQL.end_reversal
            changed = connection.execute(statement, values).rowcount == 1
            if changed:
                connection.execute(SQL.insert_webhook, {"id": webhook[0], "body": webhook[1], "due_at": time.time()})
            return changed

    def reversals(self, payment_id: str) -> list[dict[str, Any]]:
        """Return the refunds on the dashboard and the disputes of a payment."""
        with self._transaction() as connection:
            rows = connection.execute(SQL.list_reversals, {"payment_id": payment_id}).fetchall()
            return [{"reference": reference, "type": kind, "amount": amount} for reference, kind, amount in rows]

    def entries(self, since: float, until: float, after: int, limit: int) -> list[dict[str, Any]]:
        """Return a page of the balance report, and one entry more if another page follows."""
        with self._transaction() as connection:
            values = {"since": since, "until": until, "after": after, "limit": limit}
            cursor = connection.execute(SQL.list_entries, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def balances(self) -> dict[str, int]:
        """Return what the account has in each currency."""
        with self._transaction() as connection:
            return dict(connection.execute(SQL.list_balances).fetchall())

    def due_webhooks(self, batch: int) -> list[str]:
        """Return the ids of webhooks whose next attempt is due."""
        with self._transaction() as connection:
            rows = connection.execute(SQL.list_due_webhooks, {"now": time.time(), "batch": batch}).fetchall()
            return [str(webhook_id) for (webhook_id,) in rows]

    def take_webhook(self, webhook_id: str, first_wait: float = FIRST_WAIT) -> str | None:
        """Begin an attempt to send a webhook. Return its body, or None if no attempt is due."""
        with self._transaction() as connection:
            values = {"id": webhook_id, "now": time.time(), "first_wait": first_wait, "longest_wait": LONGEST_WAIT}
            row = connection.execute(SQL.take_webhook, values).fetchone()
            if row is None:
                return None
            body, attempts = row
            if attempts >= MOST_ATTEMPTS:
                connection.execute(SQL.set_taken, {"id": webhook_id})
            return str(body)

    def set_taken(self, webhook_id: str) -> None:
        """Store that the API has taken a webhook."""
        with self._transaction() as connection:
            connection.execute(SQL.set_taken, {"id": webhook_id})

    def give_up_webhooks(self) -> None:
        """Send no webhook again that is owed so far."""
        with self._transaction() as connection:
            connection.execute(SQL.give_up_webhooks)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _payment(connection: sqlite3.Connection, payment_id: str) -> Payment | None:
    row: tuple[Any, ...] | None = connection.execute(SQL.get_payment, {"id": payment_id}).fetchone()
    return Payment(*row) if row else None


def _refund(connection: sqlite3.Connection, refund_id: str) -> Refund | None:
    row: tuple[Any, ...] | None = connection.execute(SQL.get_refund, {"id": refund_id}).fetchone()
    return Refund(*row) if row else None
