"""Refuses statements that lock rows outside a transaction: the locks would end before the next statement.

It also refuses locks and writes after a transaction has counted for rate limits, whose locks are the last of all.
"""

import re
from functools import cache
from typing import Any, Self
from weakref import WeakSet

import psycopg

from boxoffice import db

_LOCKS = re.compile(r"FOR (NO KEY )?UPDATE|FOR (KEY )?SHARE|pg_advisory_xact_lock")
_COUNTS = "INSERT INTO rate_limits"
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
            AssertionError: it locks rows for the next statement, and there is no transaction. Or the transaction has
                counted for rate limits before.
        """
        text = query if isinstance(query, str) else ""
        conn = self.connection
        if conn.autocommit and _is_idle(conn):
            assert not only_locks(text), f"locks outside a transaction: {text}"
            return super().execute(query, *args, **options)
        assert not (conn in _counted and _takes_locks(text)), f"locks after rate limits: {text}"
        if _COUNTS in text:
            _counted.add(conn)
        return super().execute(query, *args, **options)


_counted: WeakSet[psycopg.Connection] = WeakSet()
"""Connections whose open transaction has counted for rate limits."""


@cache
def _takes_locks(statement: str) -> bool:
    return bool(_LOCKS.search(statement) or _WRITES.search(statement))


def _is_idle(conn: psycopg.Connection) -> bool:
    return conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def refuse_misplaced_locks() -> None:
    """Make every connection of the product use strict cursors from now on."""
    make, begin = db.Connection.__init__, db.Connection.transaction

    def make_strict(conn: db.Connection, *args: Any, **options: Any) -> None:
        make(conn, *args, **options)
        conn.cursor_factory = StrictCursor

    def begin_afresh(conn: db.Connection, *args: Any, **options: Any) -> Any:
        if _is_idle(conn):
            _counted.discard(conn)
        return begin(conn, *args, **options)

    db.Connection.__init__ = make_strict  # type: ignore[method-assign]
    db.Connection.transaction = begin_afresh  # type: ignore[method-assign]
