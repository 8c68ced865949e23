"""A page of events costs what it holds, however many events there are."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import service
from boxoffice.events.models import EventFilters
from tests.helpers import factories
from tests.helpers.support import Database

EVENTS = 30_000
FOUR_YEARS = """
    WITH named AS (
        INSERT INTO event_slugs (organisation_id, slug, event_id)
        SELECT %(organisation)s, 'show-' || n, gen_random_uuid() FROM generate_series(1, %(events)s) AS n
        RETURNING event_id, organisation_id, slug, substr(slug, 6)::int AS n
    )
    INSERT INTO events (id, organisation_id, slug, series_id, status, title, category, venue_name, venue_address, city,
        country, time_zone, starts_at, ends_at, currency)
    SELECT event_id, organisation_id, slug, md5((n %% 1000)::text)::uuid, 'published', 'show number' || n,
        (ARRAY['bar', 'sport', 'concert'])[n %% 3 + 1], 'Hall', '1 Street', 'City' || n %% 7, 'NG', 'Africa/Lagos',
        at, at + interval '3 hours', 'NGN'
    FROM named, LATERAL (SELECT now() + interval '4 years' * (n::float / %(events)s - 0.5) AS at) AS moment"""


@pytest.fixture
def organisation(conn: Connection, database: Database) -> UUID:
    """An organisation with events of the last two years and the next two."""
    organisation = factories.organisation(conn)
    conn.execute(FOUR_YEARS, {"organisation": organisation, "events": EVENTS})
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE events")
    return organisation


def rows_read(conn: Connection) -> int:
    """Return how many rows of the table were read so far."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        "SELECT seq_tup_read::int + idx_tup_fetch::int FROM pg_stat_user_tables WHERE relname = 'events'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_page_reads_little_more_than_it_shows(
    conn: Connection, organisation: UUID, subtests: pytest.Subtests
) -> None:
    now = datetime.now(UTC)
    year = timedelta(days=365)
    unfiltered: dict[str, Any] = dict.fromkeys(
        ("search", "category", "city", "organisation_id", "series_id", "since", "until")
    )
    searches: list[dict[str, Any]] = [
        {},
        {"category": "sport"},
        {"city": "CITY3"},
        {"city": "nowhere"},
        {"category": "bar", "city": "city3"},
        {"organisation_id": organisation},
        {"series_id": UUID(hashlib.md5(b"7").hexdigest())},
        {"search": "show"},
        {"search": "number29000"},
        {"search": "nothing"},
        {"search": "sho"},
        {"search": "number290"},
        {"search": "number29000 show"},
        {"search": "-show"},
        {"since": now - year},
        {"since": now + year, "until": now + year + timedelta(days=1)},
        {"since": now + year, "until": now + year + timedelta(days=7), "city": "city5", "search": "show"},
    ]
    stranger = Caller(Who.PUBLIC)
    for search in searches:
        with subtests.test(search=search):
            filters = EventFilters(**unfiltered | search)
            rows = rows_read(conn)
            page = service.list_events(conn, stranger, filters, 20, None)
            if page.next_cursor:
                service.list_events(conn, stranger, filters, 20, page.next_cursor)
            assert rows_read(conn) - rows < EVENTS // 10
