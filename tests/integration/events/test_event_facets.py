"""GET /v1/event-facets"""

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.racing import race
from tests.helpers.support import Client, Database

DAY = timedelta(days=1)


def facets(api: Client) -> dict[str, list[tuple[str, int]]]:
    answer = api.get("/v1/event-facets")
    assert answer.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=300"
    return {name: [(each["value"], each["events"]) for each in found] for name, found in answer.json.items()}


@pytest.fixture
def events(conn: Connection) -> None:
    """Six events that everybody sees, of which one runs, and five that nobody looks for."""
    unseen: list[dict[str, Any]] = [
        {"status": "draft"},
        {"status": "cancelled"},
        {"deleted_at": "now"},
        {"starts_at": NOW - 2 * DAY, "ends_at": NOW - DAY},
        {"organisation_id": factories.organisation(conn, status="suspended")},
    ]
    for overrides in unseen:
        factories.event(conn, category="unseen", city="Nowhere", **overrides)
    seen = [("concert", "Köln"), ("concert", "Köln"), ("concert", "koln"), ("sport", "تهران"), ("bar", "Lagos")]
    for category, city in seen:
        factories.event(conn, category=category, city=city)
    factories.event(conn, category="sport", city="Lagos", starts_at=NOW - DAY, ends_at=NOW + DAY)


def test_it_counts_what_a_list_without_filters_shows(api: Client, events: None) -> None:
    shown = facets(api)

    assert shown == {
        "categories": [("concert", 3), ("sport", 2), ("bar", 1)],
        "cities": [("Köln", 3), ("Lagos", 2), ("تهران", 1)],
    }
    for name, parameter in (("categories", "category"), ("cities", "city")):
        for value, number in shown[name]:
            assert len(api.get("/v1/events", query={parameter: value}).json["items"]) == number


def test_it_counts_again_after_some_minutes(api: Client, conn: Connection, events: None) -> None:
    before = facets(api)
    factories.event(conn, category="bar", city="Lagos")

    assert facets(api) == before
    conn.execute("UPDATE event_facets SET counted_at = counted_at - interval '6 minutes'")
    assert facets(api)["cities"] == [("Köln", 3), ("Lagos", 3), ("تهران", 1)]


def test_it_lists_the_hundred_most_frequent(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    for number in range(102):
        factories.event(conn, organisation_id=organisation, category=f"kind {number:03}", city=f"City {number:03}")
    factories.event(conn, organisation_id=organisation, category="kind 101", city="City 101")

    shown = facets(api)

    assert [len(found) for found in shown.values()] == [100, 100]
    assert (shown["categories"][:2], shown["cities"][:2]) == (
        [("kind 101", 2), ("kind 000", 1)],
        [("City 101", 2), ("City 000", 1)],
    )


def test_without_events_there_is_nothing_to_filter_by(api: Client) -> None:
    assert facets(api) == {"categories": [], "cities": []}


def test_while_one_counts_the_others_do_not_wait(api: Client, conn: Connection, database: Database) -> None:
    factories.event(conn)
    with conn.transaction():
        conn.execute("SELECT FROM event_facets FOR NO KEY UPDATE")
        assert facets(api) == {"categories": [], "cities": []}, "as counted last"

    from boxoffice.events import service

    counted = race(database, 8, lambda conn, _: service.get_facets(conn).categories)
    assert {len(categories) for categories in counted} <= {0, 1}
    assert facets(api)["categories"] == [("concert", 1)]
