"""Refuses statements that lock rows outside a transaction: the locks would end before the next statement."""

import re
from functools import cache
from typing import Any, Self

import psycopg

from boxoffice import db

_LOCKS = re.compile(r"FOR (NO KEY )?UPDATE|FOR (KEY )?SHARE|pg_advisory_xact_lock")
_WRITES = re.compile(r"INSERT INTO|DELETE FROM|(?<!FOR )(?<!FOR NO KEY )UPDATE ")


@cache
def only_locks(statement: str) -> bool:
    """Return True if a statement locks rows and writes nothing, so that its locks are for a later statement."""
    return bool(_LOCKS.search(statement)) and not _WRITES.search(statement)


class StrictCursor(db.Cursor):
    """A cursor that refuses such statements while no transaction is open."""

    def execute(self, query: Any, *args: Any, **options: Any) -> Self:
        """Execute a statement.

        Raises:
            AssertionError: it locks rows for the next statement, and there is no transaction.
        """
        text = query if isinstance(query, str) else ""
        conn = self.connection
        is_alone = conn.autocommit and conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert not (is_alone and only_locks(text)), f"locks outside a transaction: {text}"
        return super().execute(query, *args, **options)


def refuse_locks_outside_transactions() -> None:
    """Make every connection of the product use strict cursors from now on."""
    make = db.Connection.__init__

    def make_strict(conn: db.Connection, *args: Any, **options: Any) -> None:
        make(conn, *args, **options)
        conn.cursor_factory = StrictCursor

    db.Connection.__init__ = make_strict  # type: ignore[method-assign]
