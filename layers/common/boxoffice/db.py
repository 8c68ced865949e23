"""The database connection, the effects that follow a commit, and eight ways to run a statement.

Every transaction takes its locks in this order, so that none deadlocks:
    1. a one-time token of neither an account nor an order, or a phone code. An account (several by id), its one-time
        tokens, its second factor, its sessions by id. If it was an admin's, the lock of admins comes right after it.
        An organisation, then an API key of it, or its payouts by id (admins take payouts alone, by id). A door pass,
        then one of its devices. An erasure, or an event's contact purge. The version of the platform's settings.
        Terms of fees, by whoever has locked whose they are
    2. a provider event, its payment, then the order (several orders only with SKIP LOCKED, and so a locked order's
        payments), with a guest's hold. An order's one-time tokens
    3. a buyer, by an advisory lock for each of their identities, in order. What a guest holds is counted before, in a
        statement of its own, by advisory locks of the network and the mailbox, in order
    4. an event (shared by whoever changes a price or a voucher), then its ticket types by id, or a voucher. Whoever
        makes a door pass shares several events, by id. A gallery. Uploads by id, after what shows their pictures
    5. a waitlist entry (several only with SKIP LOCKED; a transaction that holds stock already locks one so too).
       Its mailbox, by an advisory lock that nobody waits for
    6. rows of stock by (pool_id, row_no), then rows of seats by (ticket_type_id, rank) in place of their seats
    7. the withdrawal of a key, its renewals (only with SKIP LOCKED), then tickets by id, each with its row of the
        guest list
    8. a claim, its place, then slots by number, then a customer
    9. an incoming payment, its reversals and refunds (several only by who holds the order), then money matters.
        Whoever changes how a refund or a reversal stands in the books locks its incoming payment first. Who only leases
        a refund, or makes it due, locks it alone and takes nothing after it but what it holds already. Entries of a
        balance report by id (only with SKIP LOCKED) come before the report, and both before money matters by id
    10. an announcement, an issue of a newsletter, or the reminder of an event (jobs only with SKIP LOCKED).
        Subscriptions to newsletters by id. Whoever makes one locks the former one of its mailbox after it. Then rows
        that are only inserted: slugs of events in their order, idempotency keys, messages of the outbox, webhooks, and
        transfers of the ledger by who has locked their source. What is counted of sales or of the ledger, with its sums
    11. the audit chain (several only of accounts that the transaction has locked or made)
    12. rate limits, last of all: by one statement, in the order of their buckets. What counts before anything happens
        does so in a transaction of its own

A webhook endpoint comes first, or after its organisation, then its secrets, then deliveries by id. Whoever has taken
deliveries only (with SKIP LOCKED) takes nothing else.

A pace is moved on by a statement of its own in autocommit, so that nobody waits for a provider with a lock.
"""

import logging
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString, Self, override

import psycopg
from psycopg import errors as pg
from psycopg.pq import TransactionStatus
from psycopg.rows import RowFactory, RowMaker, dict_row, scalar_row

from boxoffice import errors
from boxoffice.config import conninfo, settings

logger = logging.getLogger(__name__)

# How functions connect, beside what DATABASE_URL says. A connection may be dropped without a word. tcp_user_timeout
# finds that out while a statement is sent, and the keepalives while its answer is awaited. On the server, the role's
# statement_timeout ends what takes too long. Each is below the time-outs in template.yaml.
_CONNECTION: dict[str, Any] = {
    "connect_timeout": 4,  # seconds
    "tcp_user_timeout": 5000,  # milliseconds
    "keepalives_idle": 3,  # seconds
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "target_session_attrs": "read-write",  # after a failover the address may still lead to a reader
}

# A connection that raises one of these will raise it again. Its server writes nothing any more, or has lost a prepared
# statement, or a migration has changed what such a statement answers.
_STALE = (pg.ReadOnlySqlTransaction, pg.FeatureNotSupported, pg.InvalidSqlStatementName, pg.DuplicatePreparedStatement)

type Effect = Callable[["Connection", list[Any]], None]
"""A function that runs after a commit, once with all the items that it was registered for."""


class Cursor(psycopg.Cursor[Any]):
    """A cursor that closes its connection if that is stale, so that nobody uses it again."""

    @override
    def execute(self, *args: Any, **kwargs: Any) -> Self:
        try:
            return super().execute(*args, **kwargs)
        except _STALE:
            self.connection.close()
            raise


class Connection(psycopg.Connection[Any]):
    """A connection on which transactions register effects. A commit keeps them; a rollback drops them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = Cursor
        self._registered: list[tuple[Effect, Any, bool]] = []

    def after_commit(self, effect: Effect, item: Any, *, last: bool = False) -> None:
        """Register an effect. The block of `autocommit` or `transaction` runs it at its end, if the commit succeeds.

        The process can die before that, and the effect can fail. So a job must do later what an effect does at once.

        Args:
            last: True for what tells people how things stand: it runs after the effects that may still change them.
        """
        self._registered.append((effect, item, last))

    def run_effects(self) -> None:
        """Run each registered effect, once with all its items. If one fails, log it and go on."""
        if not self._registered:
            return
        items_of: dict[Effect, list[Any]] = {}
        for effect, item, _ in sorted(self._registered, key=lambda registered: registered[2]):
            items_of.setdefault(effect, []).append(item)
        self._registered.clear()
        for effect, items in items_of.items():
            try:
                effect(self, items)
            except Exception:
                facts = {"effect": repr(effect), "items": [str(item) for item in items]}
                logger.warning("effect failed; a job will do its work", exc_info=True, extra=facts)

    @override
    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        """Open a transaction, or a savepoint in one. A rollback drops the effects registered since it began.

        An error that commits leaves the block like any other, once the commit has succeeded.
        """
        before, committed = len(self._registered), False
        refusal: errors.DomainError | None = None
        try:
            with super().transaction(savepoint_name, force_rollback) as transaction:
                try:
                    yield transaction
                except errors.DomainError as error:
                    if not error.commits:
                        raise
                    refusal = error
            committed = transaction.status is transaction.Status.COMMITTED
        finally:
            if not committed:
                del self._registered[before:]
        if refusal is not None:
            raise refusal


_connection: Connection | None = None


@contextmanager
def autocommit() -> Iterator[Connection]:
    """Yield the connection, with each statement a transaction of its own: for reads, and writes of one statement.

    When the block ends, even by an error, the effects of all that was committed run. In a block within a transaction
    nothing is committed yet: its effects wait for the end of that transaction.

    Raises:
        Busy: the database does not answer or is waking, gave up waiting for a lock, or ended our idle transaction. Or
            the connection was stale: the next call opens another.
        DomainError: a constraint was violated; its error says so.
    """
    try:
        conn = connect()
        is_within_transaction = conn.info.transaction_status is not TransactionStatus.IDLE
        try:
            yield conn
        finally:
            if not is_within_transaction:
                conn.run_effects()
    except psycopg.IntegrityError as error:
        raise errors.of_constraint(error.diag.constraint_name) or error from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        pg.IdleInTransactionSessionTimeout,
        *_STALE,
    ) as error:
        # A statement that lost its connection may be committed, so the client repeats it with its Idempotency-Key.
        raise errors.Busy from error


@contextmanager
def transaction() -> Iterator[Connection]:
    """Yield the connection, in a transaction that commits when the block ends and rolls back when it raises.

    It commits too if the block raises an error that says so (`DomainError.commits`).
    """
    with autocommit() as conn, conn.transaction():
        yield conn


def connect() -> Connection:
    """Return this environment's connection. It opens on first use, and again if the server has closed it since."""
    global _connection
    if _connection is None or _connection.closed or _is_closed_by_server(_connection):
        disconnect()
        _connection = _open()
    return _connection


def _open() -> Connection:
    """Open a connection. If that fails and the password has changed since it was read, try the new one."""
    config = settings()
    url = conninfo(config.database_url, config.database_secret)
    try:
        return Connection.connect(url, autocommit=True, **_CONNECTION)
    except psycopg.OperationalError:
        fresh = conninfo(config.database_url, config.database_secret, fresh=True)
        if fresh == url:
            raise
        return Connection.connect(fresh, autocommit=True, **_CONNECTION)


def disconnect() -> None:
    """Close the connection, if there is one."""
    global _connection
    if _connection is not None:
        _connection.close()
    _connection = None


def _is_closed_by_server(conn: Connection) -> bool:
    """Return True if the server has closed an idle connection. Only then is there anything to read on it."""
    return bool(select.select([conn], [], [], 0)[0])


def one[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> T | None:
    """Return the first row of a statement as a ``row`` (a dataclass, or ``dict``), or None."""
    return _cursor(conn, row).execute(query, params).fetchone()


def get[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> T:
    """Return the first row of a statement about something that the request names.

    Raises:
        NotFound: there is none.
    """
    result = one(conn, row, query, **params)
    if result is None:
        raise errors.NotFound
    return result


def many[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> list[T]:
    """Return all rows of a statement."""
    return _cursor(conn, row).execute(query, params).fetchall()


def exactly_one[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> T:
    """Return the row of a statement about something that must exist.

    Raises:
        LookupError: there is none, or there are several.
    """
    rows = many(conn, row, query, **params)
    if len(rows) != 1:
        raise LookupError(f"{len(rows)} rows of {row.__name__}, not one")
    return rows[0]


def page[T](conn: Connection, row: type[T], query: LiteralString, *, limit: int, **params: Any) -> list[T]:
    """Return the rows of a page, and one more if another page follows.

    The statement has the limit as a number, not as a parameter. With a parameter PostgreSQL assumes 10 % of the rows,
    rejects the one plan for all values and plans each call again (decision 18).
    """
    return _cursor(conn, row).execute(query.replace("%(limit)s", f"{limit:d}").encode(), params).fetchall()


def search[T](conn: Connection, row: type[T], query: LiteralString, **params: Any) -> list[T]:
    """Return all rows of a statement with optional filters. It is not prepared: no one plan suits all of them."""
    return _cursor(conn, row).execute(query, params, prepare=False).fetchall()


def value(conn: Connection, query: LiteralString, **params: Any) -> Any:
    """Return the first column of the first row, or None."""
    return conn.cursor(row_factory=scalar_row).execute(query, params).fetchone()


def values(conn: Connection, query: LiteralString, **params: Any) -> list[Any]:
    """Return the only column of all rows."""
    cursor = conn.cursor(row_factory=scalar_row).execute(query, params)
    assert cursor.pgresult is not None
    assert cursor.pgresult.nfields == 1, "the rows have several columns"
    return cursor.fetchall()


def run(conn: Connection, query: LiteralString, **params: Any) -> int:
    """Run a statement, and return the number of rows that it changed."""
    return conn.execute(query, params).rowcount


def _cursor[T](conn: Connection, row: type[T]) -> psycopg.Cursor[T]:
    if row is dict:
        return conn.cursor(row_factory=dict_row)  # type: ignore[arg-type]
    return conn.cursor(row_factory=_fields_of(row))


def _fields_of[T](row: type[T]) -> RowFactory[T]:
    """Return a factory that makes dataclasses of rows. It leaves out the columns that the dataclass does not have."""

    def factory(cursor: psycopg.Cursor[Any]) -> RowMaker[T]:
        result = cursor.pgresult  # its names cost a tenth of the cursor's description
        names = tuple(result.fname(number) for number in range(result.nfields)) if result else ()
        wanted = _wanted(row, names)  # type: ignore[arg-type]
        return lambda values: row(**{name: values[index] for name, index in wanted})

    return factory


@lru_cache(maxsize=512)
def _wanted(row: type, columns: tuple[bytes | None, ...]) -> list[tuple[str, int]]:
    """Return the fields of a dataclass that a result has, each with the number of its column."""
    names = [name.decode() if name else "" for name in columns]
    return [(name, names.index(name)) for name in row.__dataclass_fields__ if name in names]  # type: ignore[attr-defined]
