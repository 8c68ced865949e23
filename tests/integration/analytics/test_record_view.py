"""POST /v1/events/{event_id}/views"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.analytics.service import SQL
from tests.helpers import factories
from tests.helpers.racing import race
from tests.helpers.support import Answer, Client, Database


def look(api: Client, event: UUID, body: dict[str, Any] | None = None, **options: Any) -> Answer:
    return api.post(f"/v1/events/{event}/views", body or {}, **options)


def by_source(conn: Connection) -> dict[str | int, int]:
    """Return the views of each source. Those without one have number 0, and those of all others 21."""
    return dict(
        conn.execute(
            """SELECT coalesce(name, source_number::text), sum(views)::int FROM event_views AS views
            LEFT JOIN view_sources AS sources ON number = source_number AND sources.event_id = views.event_id
                AND sources.day = views.day
            GROUP BY 1"""
        ).fetchall()
    )


def test_a_view_counts_for_its_source(api: Client, conn: Connection, event: UUID) -> None:
    for body in ({}, {"source": "Poster"}, {"source": "poster"}, {"referrer": "https://www.example.com/a"}, {}):
        assert look(api, event, body).status == 204

    assert by_source(conn) == {"0": 2, "poster": 2, "example.com": 1}


@pytest.mark.parametrize(
    "referrer", ["", " ", "android-app://com.google.android.gm/", "about:client", "https://", "\x00"]
)
def test_a_view_counts_even_if_no_page_led_here(api: Client, conn: Connection, event: UUID, referrer: str) -> None:
    """`document.referrer` is empty if somebody has typed the address."""
    assert look(api, event, {"referrer": referrer}).status == 204

    assert by_source(conn) == {"0": 1}


def test_a_view_counts_on_the_day_at_the_venue(api: Client, conn: Connection, organisation: UUID) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):  # 25 hours apart, so it is never the same day there
        look(api, factories.event(conn, organisation_id=organisation, time_zone=zone))

    days = conn.execute("SELECT DISTINCT day FROM event_views ORDER BY day").fetchall()
    assert len(days) == 2


def test_nothing_is_kept_of_who_looks(api: Client, conn: Connection, event: UUID) -> None:
    look(api, event, {"referrer": "https://example.com/people/ada?mail=ada@example.com"})

    assert "ada" not in str(conn.execute("SELECT view_sources, event_views FROM view_sources, event_views").fetchall())


def test_strangers_name_twenty_sources_a_day_at_the_most(api: Client, conn: Connection, event: UUID) -> None:
    for number in range(25):
        look(api, event, {"source": f"junk {number}"})
    look(api, event, {"source": "junk 3"})
    look(api, event)

    counted = by_source(conn)
    assert (len(counted), counted["21"], counted["junk 3"], counted["0"]) == (22, 5, 2, 1)


def test_those_who_look_at_once_all_count(database: Database, conn: Connection, event: UUID) -> None:
    def act(racer: Connection, number: int) -> None:
        for turn in range(10):
            db.run(racer, SQL.count_view, event_id=event, source=f"source {number * 10 + turn}", row_no=turn % 8)

    race(database, 8, act)

    counted = by_source(conn)
    assert sum(counted.values()) == 80
    assert conn.execute("SELECT count(*) FROM view_sources").fetchone() == (20,)
    assert len(counted) == 21


def test_views_of_one_event_lie_in_several_rows(api: Client, conn: Connection, event: UUID) -> None:
    for _ in range(40):
        look(api, event)

    rows = [views for (views,) in conn.execute("SELECT views FROM event_views").fetchall()]
    assert sum(rows) == 40
    assert len(rows) >= 4  # of eight; that forty fall into three is less likely than one in ten billion


def test_ten_thousand_calls_of_one_network_count_a_hundred_times(api: Client, conn: Connection, event: UUID) -> None:
    assert look(api, event).status == 204
    conn.execute("UPDATE rate_limits SET attempts = 100 WHERE bucket LIKE 'views an hour%'")

    refused = look(api, event)

    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert look(api, event, address="198.51.100.7").status == 204
    assert look(api, factories.event(conn)).status == 204
    assert by_source(conn) == {"0": 3}


def test_an_event_that_nobody_sees_has_no_views(api: Client, conn: Connection, draft: UUID) -> None:
    deleted = factories.event(conn, deleted_at=factories.NOW)
    for event in (draft, deleted, uuid4()):
        assert look(api, event).code == "not_found"

    assert conn.execute("SELECT count(*) FROM rate_limits").fetchone() == (0,)


def test_an_event_that_is_over_has_no_more_views(api: Client, conn: Connection, event: UUID) -> None:
    conn.execute("UPDATE events SET starts_at = now() - interval '2 days', ends_at = now() - interval '1 day'")

    assert look(api, event).status == 204
    assert by_source(conn) == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"source": ""}, "source"),
        ({"source": "\u200b"}, "source"),
        ({"source": "x" * 61}, "source"),
        ({"referrer": "https://example.com/" + "x" * 2000}, "referrer"),
        ({"referrer": "\ud800"}, "referrer"),
        ({"path": "/"}, "path"),
    ],
)
def test_what_is_wrong_with_a_view_is_told(api: Client, event: UUID, body: dict[str, str], field: str) -> None:
    answer = look(api, event, body)

    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", field])
