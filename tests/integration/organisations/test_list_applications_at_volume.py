"""A page of applications costs what it shows, however many organisations there are."""

from typing import Any

import psycopg
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.organisations import service
from tests.helpers import factories
from tests.helpers.support import Database

ORGANISATIONS = 20_000
MANY = """
    INSERT INTO organisations (id, name, slug, status)
    SELECT uuidv7(), 'Hall number' || n, 'hall-number' || n, CASE WHEN n %% 5000 = 0 THEN 'pending' ELSE 'approved' END
    FROM generate_series(1, %(organisations)s) AS n"""


def rows_read(conn: Connection) -> int:
    """Return how many rows of the table were read so far."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        "SELECT seq_tup_read::int + idx_tup_fetch::int FROM pg_stat_user_tables WHERE relname = 'organisations'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_page_reads_little_more_than_it_shows(conn: Connection, database: Database) -> None:
    admin = Caller(Who.ADMIN, factories.account(conn, is_admin=True))
    conn.execute(MANY, {"organisations": ORGANISATIONS})
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE organisations, members, accounts")
    searches: list[tuple[dict[str, Any], int]] = [
        ({"status": None, "search": None}, 20),
        ({"status": "approved", "search": None}, 20),
        ({"status": "pending", "search": None}, 4),
        ({"status": "rejected", "search": None}, 0),
        ({"status": None, "search": "number12345"}, 1),
        ({"status": "pending", "search": "number10000"}, 1),
        ({"status": None, "search": "nothing"}, 0),
        ({"status": None, "search": "hall"}, 20),
    ]
    for search, found in searches:
        rows = rows_read(conn)

        page = service.list_applications(conn, admin, 20, None, **search)

        assert len(page.items) == found, search
        assert rows_read(conn) - rows <= (1100 if search["search"] == "hall" else 60), search
