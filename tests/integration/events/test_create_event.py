"""POST /v1/events"""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import rate_limit, times
from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.operations import event_request, ticket_type_request
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a body with another value at ``path``, such as ``venue.city``."""
    *outer, last = path.split(".")
    place: Any = body
    for step in outer:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    return body


def test_a_draft_has_its_ticket_types_in_the_order_of_the_request(
    api: Client, conn: Connection, organisation: UUID, manager: UUID
) -> None:
    types = [{**ticket_type_request(), "name": f"Tier {n}", "quantity": n * 100} for n in range(6)]
    body = {**event_request(organisation), "ticket_types": types}

    answer = api.post("/v1/events", body, account=manager)

    assert answer.status == 201, answer.body
    assert answer.version == 1
    event = answer.json
    assert event["status"] == "draft"
    assert event["venue"] == body["venue"]
    assert event["starts_at"] == (NOW + timedelta(days=30)).isoformat().replace("+00:00", "Z")
    assert [each["name"] for each in event["ticket_types"]] == [f"Tier {n}" for n in range(6)]
    assert [each["available"] for each in event["ticket_types"]] == [0, 100, 200, 300, 400, 500]
    assert event["ticket_types"][0]["currency"] == "NGN"
    assert event["ticket_types"][0]["attributes"] == {"colour": "red"}
    assert api.get(f"/v1/events/{event['id']}", account=manager).json == event
    invariants.check(conn)


def test_optional_fields_can_be_left_out(api: Client, organisation: UUID, manager: UUID) -> None:
    body = event_request(organisation)
    for optional in ("description", "rating", "image_url", "ticket_types"):
        del body[optional]

    event = api.post("/v1/events", body, account=manager).json

    assert (event["description"], event["rating"], event["image_url"], event["ticket_types"]) == ("", None, None, [])


def test_titles_and_attributes_are_stored_in_every_script(api: Client, organisation: UUID, manager: UUID) -> None:
    body = event_request(organisation)
    body["title"] = "Ọjọ́ orin \N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROPHONE}"
    body["ticket_types"][0]["attributes"] = {"zone": "Ä", "seats": [1, 2.5, None, True, {"row": "\t\\u0000"}]}

    event = api.post("/v1/events", body, account=manager).json

    assert event["title"] == body["title"]
    assert event["ticket_types"][0]["attributes"] == body["ticket_types"][0]["attributes"]


def test_an_organisation_that_waits_for_approval_can_draft(api: Client, conn: Connection) -> None:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner, status="pending")

    assert api.post("/v1/events", event_request(organisation), account=owner).status == 201


def test_a_zone_that_is_newer_than_the_database_is_refused(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would end each statement that counts the sales of all events by the days of their venues."""
    monkeypatch.setattr(times, "zones", lambda: {"Mars/Base", "Africa/Lagos"})
    made = api.post("/v1/events", event_request(organisation), account=manager).json
    place = {"organisation_id": str(organisation), "name": "Cloakroom", "capacity": 3}
    service = api.post("/v1/services", place, account=manager).json

    refused = [
        api.post("/v1/events", changed(event_request(organisation), "venue.time_zone", "Mars/Base"), account=manager),
        api.patch(f"/v1/events/{made['id']}", {"venue": {"time_zone": "Mars/Base"}}, account=manager),
        api.post("/v1/services", place | {"time_zone": "Mars/Base"}, account=manager),
        api.patch(f"/v1/services/{service['id']}", {"time_zone": "Mars/Base"}, account=manager),
    ]

    assert [(answer.status, answer.code) for answer in refused] == [(422, "unknown_time_zone")] * 4


def test_two_hundred_an_hour_are_enough_and_a_stranger_uses_up_none(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may have thousands of rows of stock, and whoever has signed up may draft some."""
    assert api.post("/v1/events", event_request(organisation), account=factories.account(conn)).status == 404
    made = api.post("/v1/events", event_request(organisation), account=manager)
    assert (made.status, made.headers["ratelimit-remaining"]) == (201, "199")
    monkeypatch.setitem(rate_limit.MADE, "events", 1)

    refused = api.post("/v1/events", event_request(organisation), account=manager)

    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert conn.execute("SELECT count(*) FROM events").fetchone() == (1,)


def test_the_audit_log_says_who_created_it(api: Client, conn: Connection, organisation: UUID, manager: UUID) -> None:
    event = api.post("/v1/events", event_request(organisation), account=manager).json

    entry = conn.execute("SELECT chain, actor_id, action, subject FROM audit_log").fetchone()
    assert entry == (organisation, manager, "create_event", f"event {event['id']}")


WRONG = [
    ("title", ""),
    ("title", " \t "),
    ("title", "x" * 201),
    ("title", None),
    ("category", ""),
    ("category", "c" * 51),
    ("description", "x" * 10_001),
    ("organisation_id", "1"),
    ("organisation_id", "00000000-0000-0000-0000-00000000000g"),
    ("starts_at", "tomorrow"),
    ("starts_at", "2027-02-30T10:00:00Z"),
    ("starts_at", "2027-01-01T10:00:00"),
    ("starts_at", "2027-01-01"),
    ("starts_at", 1_798_761_600),
    ("starts_at", "1798761600"),
    ("starts_at", "1969-12-31T23:59:59Z"),
    ("ends_at", "2201-01-01T00:00:00Z"),
    ("ends_at", "99999-01-01T00:00:00Z"),
    ("venue", None),
    ("venue", "Freedom Park"),
    ("venue.country", "Nigeria"),
    ("venue.country", "ng"),
    ("venue.country", "ZZ"),
    ("venue.country", "EU"),
    ("venue.country", "XX"),
    ("venue.time_zone", "Lagos"),
    ("venue.time_zone", "../../etc/passwd"),
    ("venue.time_zone", "+01:00"),
    ("venue.time_zone", "localtime"),
    ("venue.time_zone", "posixrules"),
    ("venue.time_zone", "Factory"),
    ("venue.time_zone", "posix/Africa/Lagos"),
    ("venue.time_zone", ""),
    ("venue.surprise", 1),
    ("image_url", "http://example.com/jazz.jpg"),
    ("image_url", "javascript:alert(1)"),
    ("image_url", "https://"),
    ("image_url", "https://user:secret@example.com/"),
    ("image_url", "https://example.com/a b"),
    ("image_url", "https://example.com/" + "x" * 2000),
    ("currency", "ngn"),
    ("currency", "NAIRA"),
    ("currency", "XYZ"),
    ("currency", "XXX"),
    ("currency", "DEM"),
    ("currency", None),
    ("capacity", -1),
    ("capacity", "100"),
    ("surprise", 1),
    ("ticket_types", None),
    ("ticket_types", {}),
    ("ticket_types.0.name", ""),
    ("ticket_types.0.price", -1),
    ("ticket_types.0.price", 100_000_000_001),
    ("ticket_types.0.price", 10**40),
    ("ticket_types.0.price", 12.5),
    ("ticket_types.0.price", "12"),
    ("ticket_types.0.price", True),
    ("ticket_types.0.quantity", -1),
    ("ticket_types.0.quantity", 10_000_001),
    ("ticket_types.0.quantity", 2**63),
    ("ticket_types.0.quantity", None),
    ("ticket_types.0.min_per_order", 0),
    ("ticket_types.0.max_per_order", 1001),
    ("ticket_types.0.max_entries", 0),
    ("ticket_types.0.max_entries", 40_000),
    ("ticket_types.0.hidden", "yes"),
    ("ticket_types.0.hidden", 1),
    ("ticket_types.0.sales_start", "soon"),
    ("ticket_types.0.attributes", []),
    ("ticket_types.0.attributes", None),
    ("ticket_types.0.attributes", {"note": "\0"}),
    ("ticket_types.0.attributes", {"\0": 1}),
    ("ticket_types.0.attributes", {"note": ["\ud800"]}),
    ("ticket_types.0.attributes", {"note": "x" * 8192}),
    ("ticket_types.0.attributes", {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}),
    ("ticket_types.0.available", 7),
]


def test_an_invalid_field_is_refused_and_changes_nothing(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, subtests: pytest.Subtests
) -> None:
    before = snapshot(conn)
    for path, value in WRONG:
        with subtests.test(path=path, value=str(value)[:40]):
            answer = api.post("/v1/events", changed(event_request(organisation), path, value), account=manager)
            assert (answer.status, answer.code) == (422, "invalid"), answer.body
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json["errors"][0]["loc"][:2] == ["body", path.partition(".")[0]]
    assert snapshot(conn) == before


def test_a_number_beyond_double_precision_is_refused(api: Client, organisation: UUID, manager: UUID) -> None:
    body = event_request(organisation)
    body["ticket_types"][0]["attributes"] = {"size": "huge"}
    text = json.dumps(body).replace('"huge"', "1e999")

    assert api.post("/v1/events", text, account=manager).status == 422


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("ends_at", timedelta(days=30), "ends_before_start"),
        ("ends_at", timedelta(days=-1), "ends_in_the_past"),
        ("doors_open_at", timedelta(days=40), "doors_after_end"),
        ("gates.0.ticket_type_ids", ["01981f6c-7b00-7a11-8c3e-5d2f40a1b001"], "unknown_ticket_type"),
        ("ticket_types.0.min_per_order", 5, "order_limits_crossed"),
        ("ticket_types.0.sales_end", timedelta(), "sale_window_empty"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_and_change_nothing(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, path: str, value: Any, code: str
) -> None:
    before = snapshot(conn)
    if isinstance(value, timedelta):
        value = (NOW + value).isoformat()

    answer = api.post("/v1/events", changed(event_request(organisation), path, value), account=manager)

    assert (answer.status, answer.code) == (422, code)
    assert snapshot(conn) == before


def test_an_event_has_fifty_ticket_types_at_the_most(api: Client, organisation: UUID, manager: UUID) -> None:
    body = event_request(organisation)

    body["ticket_types"] = [ticket_type_request()] * 51
    assert api.post("/v1/events", body, account=manager).status == 422
    body["ticket_types"] = [ticket_type_request()] * 50
    assert api.post("/v1/events", body, account=manager).status == 201


def test_only_a_manager_of_the_organisation_can_create_an_event(
    api: Client, conn: Connection, organisation: UUID
) -> None:
    body = event_request(organisation)
    scanner = factories.member(conn, organisation, "scanner")
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)

    assert api.post("/v1/events", body).status == 401
    assert api.post("/v1/events", body, account=scanner).status == 403
    assert api.post("/v1/events", body, account=rival).status == 404
    assert api.post("/v1/events", event_request(new_id()), account=rival).status == 404
