"""An event that allows payments that take days: `late_payments`."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Answer, Client

MARCH_1, MARCH_2 = "2030-03-01T18:00:00Z", "2030-03-02T02:00:00Z"
LATE = {"until": "2030-02-20T23:00:00Z", "share_percent": 20}


def create(api: Client, manager: UUID, organisation: UUID, late: object) -> Answer:
    venue = {"name": "Park", "address": "1 Road", "city": "Berlin", "country": "DE", "time_zone": "Europe/Berlin"}
    body = {"organisation_id": str(organisation), "title": "Nacht", "category": "concert", "venue": venue}
    body |= {"starts_at": MARCH_1, "ends_at": MARCH_2, "currency": "EUR", "late_payments": late}
    return api.post("/v1/events", body, account=manager)


def update(api: Client, manager: UUID, event: str, **changes: Any) -> Answer:
    return api.patch(f"/v1/events/{event}", changes, account=manager)


def test_it_is_created_changed_and_taken_away(api: Client, manager: UUID, organisation: UUID) -> None:
    created = create(api, manager, organisation, LATE)
    event = created.json["id"]
    assert (created.status, created.json["late_payments"]) == (201, LATE)

    assert update(api, manager, event, title="Tag").json["late_payments"] == LATE
    other = {"until": MARCH_1, "share_percent": 100}
    assert update(api, manager, event, late_payments=other).json["late_payments"] == other
    assert api.get(f"/v1/events/{event}", account=manager).json["late_payments"] == other
    assert update(api, manager, event, late_payments=None).json["late_payments"] is None
    assert create(api, manager, organisation, None).json["late_payments"] is None


@pytest.mark.parametrize(
    "late",
    [
        {},
        {"until": MARCH_1},
        {"share_percent": 20},
        {**LATE, "share_percent": 0},
        {**LATE, "share_percent": 101},
        {**LATE, "share_percent": "20"},
        {**LATE, "share_percent": 20.5},
        {**LATE, "until": "soon"},
        {**LATE, "from": MARCH_1},
        20,
    ],
)
def test_what_makes_no_sense_is_invalid(api: Client, manager: UUID, organisation: UUID, late: object) -> None:
    answer = create(api, manager, organisation, late)

    assert (answer.status, answer.code) == (422, "invalid")


def test_it_ends_when_the_event_starts(api: Client, conn: Connection, manager: UUID, organisation: UUID) -> None:
    late = {**LATE, "until": "2030-03-01T18:00:01Z"}
    assert create(api, manager, organisation, late).code == "late_payments_after_start"

    event = create(api, manager, organisation, {**LATE, "until": MARCH_1}).json["id"]
    refusals = [
        update(api, manager, event, late_payments=late),
        update(api, manager, event, starts_at="2030-03-01T17:59:59Z"),
    ]
    assert [(each.status, each.code) for each in refusals] == [(422, "late_payments_after_start")] * 2


def test_only_managers_change_it(api: Client, conn: Connection, organisation: UUID, event: UUID) -> None:
    scanner = factories.member(conn, organisation, "scanner")

    assert update(api, scanner, str(event), late_payments=LATE).status == 403
