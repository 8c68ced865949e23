"""GET /v1/me/events"""

from datetime import timedelta
from uuid import UUID

import psycopg
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import service
from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.support import Client, Database

EVENTS = 30_000
MANY = """
    WITH named AS (
        INSERT INTO event_slugs (organisation_id, slug, event_id)
        SELECT organisation_id, 'show-' || n, gen_random_uuid()
        FROM unnest(%(organisations)s::uuid[]) AS organisation_id, generate_series(1, %(events)s) AS n
        RETURNING event_id, organisation_id, slug, substr(slug, 6)::int AS n
    )
    INSERT INTO events (id, organisation_id, slug, status, title, category, venue_name, venue_address, city, country,
        time_zone, starts_at, ends_at, currency)
    SELECT event_id, organisation_id, slug, 'published', 'Show ' || n, 'bar', 'Hall', '1 Street', 'Lagos', 'NG',
        'Africa/Lagos', at, at + interval '3 hours', 'NGN'
    FROM named, LATERAL (SELECT now() + n * interval '1 hour' AS at) AS moment"""


def listed(api: Client, account: UUID) -> list[str]:
    return [event["id"] for event in api.get("/v1/me/events", account=account).json["items"]]


def test_the_events_of_all_ones_organisations_are_listed_whatever_their_state(api: Client, conn: Connection) -> None:
    ada = factories.account(conn)
    first = factories.organisation(conn, owner=ada)
    second = factories.organisation(conn, status="pending")
    factories.member(conn, second, "scanner", account_id=ada)
    soon = factories.event(conn, organisation_id=first)
    over = factories.event(
        conn, organisation_id=first, starts_at=NOW - timedelta(days=9), ends_at=NOW - timedelta(days=8)
    )
    late, later = (NOW + timedelta(days=days) for days in (60, 90))
    draft = factories.event(conn, organisation_id=second, status="draft", starts_at=late, ends_at=later)
    cancelled = factories.event(conn, organisation_id=second, status="cancelled")
    factories.event(conn, organisation_id=first, deleted_at=NOW)
    factories.event(conn)

    assert listed(api, ada) == [str(event) for event in (draft, cancelled, soon, over)]

    api.delete(f"/v1/organisations/{second}/members/{ada}", account=ada)
    assert listed(api, ada) == [str(soon), str(over)], "at once"


def test_an_admin_has_no_events_of_others(api: Client, conn: Connection) -> None:
    factories.event(conn)

    assert listed(api, factories.account(conn, is_admin=True)) == []


def test_pages_follow_each_other_over_all_organisations(api: Client, conn: Connection) -> None:
    ada = factories.account(conn)
    organisations = [factories.organisation(conn, owner=ada) for _ in range(3)]
    starts = [NOW + timedelta(days=day) for day in (1, 1, 1, 2, 2, 3, 3)]
    events = [
        factories.event(
            conn, organisation_id=organisations[number % 3], starts_at=start, ends_at=start + timedelta(hours=1)
        )
        for number, start in enumerate(starts)
    ]
    seen, cursor = [], None
    for _ in range(4):
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = api.get("/v1/me/events", account=ada, query=query).json
        seen += [event["id"] for event in answer["items"]]
        cursor = answer["next_cursor"]

    latest_first = sorted(zip(starts, events, strict=True), reverse=True)
    assert seen == [str(event) for _, event in latest_first]
    assert cursor is None


def rows_read(conn: Connection) -> tuple[int, int]:
    """Return how often the whole table was scanned so far, and how many rows were read by an index."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute("SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'events'").fetchone()
    assert row is not None
    return row


def test_a_page_reads_a_page_of_each_organisation(conn: Connection, database: Database) -> None:
    ada = factories.account(conn)
    mine = [factories.organisation(conn, owner=ada) for _ in range(3)]
    others = [factories.organisation(conn) for _ in range(3)]
    conn.execute(MANY, {"organisations": mine + others, "events": EVENTS // 6})
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE events, members, organisations")
    caller = Caller(Who.ACCOUNT, ada)
    cursor = None
    for _ in range(8):  # PostgreSQL may choose a plan for all values after five calls
        scans, rows = rows_read(conn)

        page = service.list_my_events(conn, caller, 20, cursor)

        scans_after, rows_after = rows_read(conn)
        assert scans_after == scans
        assert rows_after - rows <= 3 * 21 + 20  # a page of each, and how the sale of each event shown stands
        assert len(page.items) == 20
        cursor = page.next_cursor
