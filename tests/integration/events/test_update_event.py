"""PATCH /v1/events/{event_id}"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.audit import only_entry
from tests.helpers.factories import NOW
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Answer, Client


@pytest.fixture
def path(event: UUID) -> str:
    return f"/v1/events/{event}"


def test_only_fields_that_are_sent_change(
    api: Client, conn: Connection, manager: UUID, path: str, ticket_type: UUID
) -> None:
    before = api.get(path).json

    answer = api.patch(path, {"title": "Jazz", "venue": {"city": "Abuja"}, "rating": "18+"}, account=manager)

    assert answer.status == 200
    assert answer.version == 2
    expected = {**before, "title": "Jazz", "venue": {**before["venue"], "city": "Abuja"}, "rating": "18+", "version": 2}
    assert answer.json == expected
    assert api.get(path).json == expected
    entry = only_entry(conn)
    assert (entry.actor, entry.action) == (manager, "update_event")
    assert entry.details["before"] == {"title": before["title"], "city": "Lagos", "rating": None}
    assert entry.details["after"] == {"title": "Jazz", "city": "Abuja", "rating": "18+"}


def test_null_empties_an_optional_field(api: Client, conn: Connection, organisation: UUID, manager: UUID) -> None:
    event = factories.event(conn, organisation_id=organisation, rating="18+", image_url="https://example.com/a")

    answer = api.patch(f"/v1/events/{event}", {"rating": None, "image_url": None}, account=manager)

    assert (answer.json["rating"], answer.json["image_url"]) == (None, None)


def test_a_search_finds_the_new_title(api: Client, manager: UUID, path: str) -> None:
    api.patch(path, {"title": "Unheard of"}, account=manager)

    assert len(api.get("/v1/events", query={"q": "unheard"}).json["items"]) == 1


def test_an_edit_of_an_old_version_is_refused(api: Client, conn: Connection, manager: UUID, path: str) -> None:
    def rename(title: str, if_match: str) -> Answer:
        return api.patch(path, {"title": title}, account=manager, headers={"If-Match": if_match})

    assert rename("First", '"1"').status == 200
    before = snapshot(conn)
    for stale in ('"1"', '"3"', "W/1", "nonsense", '"-1"', '""'):
        refused = rename("Second", stale)
        assert (refused.status, refused.code) == (412, "stale_version")
    assert snapshot(conn) == before
    assert rename("Second", '"2"').status == 200
    assert rename("Third", "*").status == 200


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"ends_at": (NOW + timedelta(days=30)).isoformat()}, 422, "ends_before_start"),
    ({"starts_at": (NOW + timedelta(days=31)).isoformat()}, 422, "ends_before_start"),
    (
        {"starts_at": (NOW - timedelta(days=3)).isoformat(), "ends_at": (NOW - timedelta(days=2)).isoformat()},
        422,
        "ends_in_the_past",
    ),
    ({"currency": "USD"}, 409, "currency_fixed"),
    ({"currency": "XYZ"}, 422, "invalid"),
    ({"title": None}, 422, "invalid"),
    ({"venue": None}, 422, "invalid"),
    ({"venue": {"country": "Nigeria"}}, 422, "invalid"),
    ({"venue": {"city": None}}, 422, "invalid"),
    ({"organisation_id": str(new_id())}, 422, "invalid"),
    ({"status": "published"}, 422, "invalid"),
    ({"version": 7}, 422, "invalid"),
    ({"ticket_types": []}, 422, "invalid"),
    ({"image_url": "http://example.com/a"}, 422, "invalid"),
]


def test_an_invalid_edit_is_refused_and_changes_nothing(
    api: Client, conn: Connection, manager: UUID, path: str, subtests: pytest.Subtests
) -> None:
    before = snapshot(conn)
    for changes, status, code in REFUSED:
        with subtests.test(changes=changes):
            answer = api.patch(path, changes, account=manager)
            assert (answer.status, answer.code) == (status, code), answer.body
    assert snapshot(conn) == before


def test_the_currency_can_change_until_the_event_is_published(
    api: Client, conn: Connection, manager: UUID, draft: UUID, path: str
) -> None:
    assert api.patch(f"/v1/events/{draft}", {"currency": "USD"}, account=manager).json["currency"] == "USD"
    assert api.patch(path, {"currency": "NGN"}, account=manager).status == 200


def test_a_past_event_can_still_be_edited(api: Client, conn: Connection, organisation: UUID, manager: UUID) -> None:
    times = {"starts_at": NOW - timedelta(days=2), "ends_at": NOW - timedelta(days=1)}
    event = factories.event(conn, organisation_id=organisation, **times)

    assert api.patch(f"/v1/events/{event}", {"description": "Thank you"}, account=manager).status == 200


def test_only_a_manager_of_the_organisation_can_edit_an_event(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, path: str
) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    assert api.patch(path, {"title": "Mine"}).status == 401
    assert api.patch(path, {"title": "Mine"}, account=rival).status == 404
    assert api.patch(f"/v1/events/{new_id()}", {"title": "Mine"}, account=manager).status == 404
    assert snapshot(conn) == before
    assert api.patch(path, {"title": "Mine"}, account=factories.member(conn, organisation, "scanner")).status == 403
