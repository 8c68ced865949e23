"""Digests of the database, to tell whether anything has changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary, finalize

import psycopg


def snapshot(conn: psycopg.Connection) -> dict[str, str]:
    """Return a digest of each table, but of those that reads and refused requests may change."""
    tables = conn.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)",
        [["rate_limits", "paces", "event_facets"]],
    ).fetchall()
    digest = "SELECT '{0}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {0} AS t"
    digests = " UNION ALL ".join(digest.format(table) for (table,) in tables)  # one statement, since tests take many
    return dict(_owner_beside(conn).execute(digests).fetchall())


_owners: WeakKeyDictionary[psycopg.Connection, psycopg.Connection] = WeakKeyDictionary()


def _owner_beside(conn: psycopg.Connection) -> psycopg.Connection:
    """Return a connection of the owner, from whom row-level security hides nothing. It lasts as long as ``conn``.

    A new one for each snapshot would read the catalogue and plan the statement each time, which takes the most time.
    """
    if conn not in _owners:
        parameters = conn.info.get_parameters() | {"user": "postgres"}
        owner = _owners[conn] = psycopg.connect(**parameters, autocommit=True)
        finalize(conn, owner.close)
    return _owners[conn]


def changed_tables(conn: psycopg.Connection, before: dict[str, str]) -> set[str]:
    """Return the tables that have changed since a snapshot."""
    return {table for table, digest in snapshot(conn).items() if before[table] != digest}


@contextmanager
def unchanged(conn: psycopg.Connection) -> Iterator[None]:
    """Check that what is done inside changes no table."""
    before = snapshot(conn)
    yield
    assert snapshot(conn) == before
