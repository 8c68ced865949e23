"""POST /v1/services"""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import rate_limit
from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.audit import only_entry
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Answer
from tests.integration.slots.conftest import Cloakroom


def create(cloakroom: Cloakroom, account: UUID | None = None, **fields: Any) -> Answer:
    body = {"organisation_id": str(cloakroom.organisation), "name": "Car park", "capacity": 3, **fields}
    return cloakroom.api.post("/v1/services", body, account=account or cloakroom.manager)


def test_a_place_has_its_slots_from_the_start(cloakroom: Cloakroom, conn: Connection) -> None:
    answer = create(cloakroom, name="  Car park ")

    assert answer.status == 201, answer.body
    assert answer.version == 1
    place = answer.json
    assert (place["name"], place["capacity"], place["event_id"], place["version"]) == ("Car park", 3, None, 1)
    path = f"/v1/services/{place['id']}"
    assert cloakroom.api.get(path, account=cloakroom.scanner).json == place
    slots = cloakroom.api.get(f"{path}/slots", account=cloakroom.scanner).json["items"]
    assert [(slot["number"], slot["state"], slot["claim"]) for slot in slots] == [
        (number, "free", None) for number in (1, 2, 3)
    ]
    entry = only_entry(conn)
    assert (entry.actor, entry.action) == (cloakroom.manager, "create_service")
    assert (entry.subject, entry.details) == (f"service {place['id']}", {"name": "Car park", "capacity": 3})
    invariants.check(conn)


def test_the_time_zone_is_its_own_else_its_events_else_utc(cloakroom: Cloakroom, conn: Connection) -> None:
    event = str(factories.event(conn, organisation_id=cloakroom.organisation, time_zone="Europe/London"))

    assert create(cloakroom).json["time_zone"] == "UTC"
    assert create(cloakroom, event_id=event).json["time_zone"] == "Europe/London"
    assert create(cloakroom, event_id=event, time_zone="Africa/Lagos").json["time_zone"] == "Africa/Lagos"
    assert create(cloakroom, event_id=event).json["event_id"] == event


def test_a_place_may_begin_without_slots(cloakroom: Cloakroom, conn: Connection) -> None:
    assert create(cloakroom, capacity=0).status == 201
    invariants.check(conn)


def test_a_large_car_park_is_made_in_time(cloakroom: Cloakroom, conn: Connection) -> None:
    assert create(cloakroom, capacity=50_000).status == 201
    assert conn.execute("SELECT count(*), min(number), max(number) FROM slots WHERE number > 0").fetchone() == (
        50_010,
        1,
        50_000,
    )
    invariants.check(conn)


def test_the_event_must_be_the_organisations(cloakroom: Cloakroom, conn: Connection) -> None:
    deleted = factories.event(conn, organisation_id=cloakroom.organisation, deleted_at=factories.NOW)
    others = factories.event(conn)
    before = snapshot(conn)

    for event in (others, deleted, new_id()):
        refused = create(cloakroom, event_id=str(event))
        assert (refused.status, refused.code) == (404, "event_not_found")
    assert snapshot(conn) == before


REFUSED: list[dict[str, Any]] = [
    {"name": ""},
    {"name": "\n"},
    {"name": None},
    {"capacity": -1},
    {"capacity": 50_001},
    {"capacity": 1.5},
    {"capacity": "3"},
    {"capacity": True},
    {"capacity": None},
    {"organisation_id": "7"},
    {"event_id": "7"},
    {"time_zone": "Lagos"},
    {"time_zone": ""},
    {"version": 1},
]


def test_an_invalid_place_is_refused_and_changes_nothing(
    cloakroom: Cloakroom, conn: Connection, subtests: pytest.Subtests
) -> None:
    before = snapshot(conn)
    for fields in REFUSED:
        with subtests.test(fields=fields):
            answer = create(cloakroom, **fields)
            assert (answer.status, answer.code) == (422, "invalid"), answer.body
    assert snapshot(conn) == before


def test_a_hundred_an_hour_are_enough(cloakroom: Cloakroom, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may have ten thousand slots, and whoever has signed up may make some."""
    assert create(cloakroom).headers["ratelimit-remaining"] == "99"
    monkeypatch.setitem(rate_limit.MADE, "places", 1)

    refused = create(cloakroom)

    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert conn.execute("SELECT count(*) FROM places WHERE name = 'Car park'").fetchone() == (1,)


def test_only_managers_of_the_organisation_can_make_one(cloakroom: Cloakroom, conn: Connection) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    assert create(cloakroom, account=cloakroom.scanner).status == 403
    assert create(cloakroom, account=rival).status == 404
    assert create(cloakroom, organisation_id=str(new_id())).status == 404
    assert cloakroom.api.post("/v1/services", {}).status == 401
    assert snapshot(conn) == before
