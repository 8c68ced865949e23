"""The database connection, what is done after a commit, and seven ways to run a statement.

Order of locks, in every transaction, so that none deadlocks:
    1. rate limits, an account, its sessions by id
    2. a provider's event, its payment, then the order (several orders only with SKIP LOCKED)
    3. a buyer, by an advisory lock for each of their names, in order
    4. an event, then its ticket types by id
    5. an entry of the waitlist (several only with SKIP LOCKED, as all of them by whoever holds stock)
    6. stock rows by (pool_id, row_no), then rows of seats by (ticket_type_id, rank), which guard their seats
    7. tickets by id
    8. a claim, its service, then slots by number, then a customer
    9. what is only inserted: idempotency keys, refunds, outbox
    10. the audit chain, last of all
"""

import logging
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, override

import psycopg
from psycopg.rows import RowFactory, RowMaker, dict_row, scalar_row

from boxoffice import errors
from boxoffice.config import conninfo, settings

logger = logging.getLogger(__name__)

type Effect = Callable[["Connection", list[Any]], None]
"""What is done after a commit, with all the items that it was registered for."""


class Connection(psycopg.Connection[Any]):
    """A connection whose transactions register effects. A commit keeps them, a rollback drops them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._registered: list[tuple[Effect, Any]] = []

    def after_commit(self, effect: Effect, item: Any) -> None:
        """Register an effect: the block of `autocommit` or `transaction` runs it at its end, if the commit succeeds.

        The process may die before that, or the effect fail. So a job must do later what an effect does at once.
        """
        self._registered.append((effect, item))

    def run_effects(self) -> None:
        """Call each effect that commits have kept, once with all its items. One that fails is logged, and no more."""
        if not self._registered:
            return
        items_of: dict[Effect, list[Any]] = {}
        for effect, item in self._registered:
            items_of.setdefault(effect, []).append(item)
        self._registered.clear()
        for effect, items in items_of.items():
            try:
                effect(self, items)
            except Exception:
                facts = {"effect": repr(effect), "items": [str(item) for item in items]}
                logger.warning("effect failed; a job will make up for it", exc_info=True, extra=facts)

    @override
    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """A transaction, or a savepoint in one. A rollback drops the effects that were registered since it began."""
        before, committed = len(self._registered), False
        try:
            with super().transaction(savepoint_name, force_rollback) as transaction:
                yield transaction
            committed = transaction.status is transaction.Status.COMMITTED
        finally:
            if not committed:
                del self._registered[before:]


_connection: Connection | None = None


@contextmanager
def autocommit() -> Iterator[Connection]:
    """The connection, with each statement its own transaction: for reads, and for writes of one statement.

    The effects of all that was committed run when the block ends, even if it raises.

    Raises:
        Busy: the database does not answer, is waking, gave up waiting for a lock, or would not wait for us any longer.
        DomainError: what a violated constraint means.
    """
    try:
        conn = connect()
        try:
            yield conn
        finally:
            conn.run_effects()
    except psycopg.IntegrityError as error:
        raise errors.of_constraint(error.diag.constraint_name) or error from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        # A statement that was cut off may have been committed: the client repeats it with its Idempotency-Key.
        raise errors.Busy from error


@contextmanager
def transaction() -> Iterator[Connection]:
    """The connection, in a transaction that commits when the block ends and rolls back when it raises."""
    with autocommit() as conn, conn.transaction():
        yield conn


def connect() -> Connection:
    """This environment's connection, opened on first use and again when the server has hung up meanwhile."""
    global _connection
    if _connection is None or _connection.closed or _hung_up(_connection):
        disconnect()
        config = settings()
        url = conninfo(config.database_url, config.database_secret)
        _connection = Connection.connect(url, autocommit=True, connect_timeout=5)
    return _connection


def disconnect() -> None:
    """Close the connection, if there is one."""
    global _connection
    if _connection is not None:
        _connection.close()
    _connection = None


def _hung_up(conn: Connection) -> bool:
    """Return True if the server has closed an idle connection: only then is there anything to read on it."""
    return bool(select.select([conn], [], [], 0)[0])


def one[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> T | None:
    """The first row of a statement as a ``row`` (a dataclass, or ``dict``), or None."""
    return _cursor(conn, row).execute(query, params).fetchone()


def get[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> T:
    """The first row of a statement about something that the caller names.

    Raises:
        NotFound: there is none.
    """
    found = one(conn, row, query, **params)
    if found is None:
        raise errors.NotFound
    return found


def many[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> list[T]:
    """All rows of a statement."""
    return _cursor(conn, row).execute(query, params).fetchall()


def page[T](conn: Connection, row: type[T], query: LiteralString, *, limit: int, **params: Any) -> list[T]:
    """The rows of a page, and one more if there are more.

    The limit is written into the statement. With a parameter, PostgreSQL assumes a tenth of all rows, rejects the
    generic plan and plans each call anew (decision 18).
    """
    return _cursor(conn, row).execute(query.replace("%(limit)s", f"{limit:d}").encode(), params).fetchall()


def search[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> list[T]:
    """All rows of a statement that is planned for the values at hand: no one plan suits optional filters."""
    return _cursor(conn, row).execute(query, params, prepare=False).fetchall()


def value(conn: Connection, query: LiteralString, **params: Any) -> Any:
    """The first column of the first row, or None."""
    return conn.cursor(row_factory=scalar_row).execute(query, params).fetchone()


def run(conn: Connection, query: LiteralString, **params: Any) -> int:
    """Run a statement for its effect; answers how many rows it touched."""
    return conn.execute(query, params).rowcount


def _cursor[T](conn: Connection, row: type[T]) -> psycopg.Cursor[T]:
    if row is dict:
        return conn.cursor(row_factory=dict_row)  # type: ignore[arg-type]
    return conn.cursor(row_factory=_fields_of(row))


def _fields_of[T](row: type[T]) -> RowFactory[T]:
    """Make dataclasses of rows, from the columns that they name; the others are for SQL alone."""

    def factory(cursor: psycopg.Cursor[Any]) -> RowMaker[T]:
        names = [column.name for column in cursor.description or ()]
        wanted = [(name, names.index(name)) for name in row.__dataclass_fields__ if name in names]  # type: ignore[attr-defined]
        return lambda values: row(**{name: values[index] for name, index in wanted})

    return factory
