"""What an event asks its buyers: set by managers, and shown to everybody."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.audit import entries
from tests.helpers.forms import question
from tests.helpers.operations import event_request
from tests.helpers.support import Answer, Client

SHORT = {"id": "size", "asked_of": "ticket", "kind": "one_of", "label": "اندازه ප්‍රමාණය 👕"}
OPTIONS = [{"id": "m", "label": "Medium"}, {"id": "l", "label": "Large"}]


@pytest.fixture
def event(conn: Connection, organisation: UUID) -> UUID:
    return factories.event(conn, organisation_id=organisation)


def patch(api: Client, event: UUID, manager: UUID, **body: Any) -> Answer:
    return api.patch(f"/v1/events/{event}", body, account=manager)


def test_an_event_asks_nothing_at_first(api: Client, event: UUID) -> None:
    shown = api.get(f"/v1/events/{event}").json
    assert (shown["holders"], shown["questions"]) == ({"name": "not_asked", "email": "not_asked"}, [])


def test_what_a_new_event_asks_is_shown_to_buyers(
    api: Client, conn: Connection, organisation: UUID, manager: UUID
) -> None:
    asked = [{**SHORT, "options": OPTIONS}, question("why", shown_if={"question_id": "size", "options": ["l"]})]
    body = {**event_request(organisation), "holders": {"name": "required"}, "questions": asked}

    created = api.post("/v1/events", body, account=manager)

    assert created.status == 201, created.body
    assert created.json["holders"] == {"name": "required", "email": "not_asked"}
    assert created.json["questions"] == [question(**{"name": "size", **asked[0]}), asked[1]]
    event = created.json["id"]
    assert api.post(f"/v1/events/{event}/publish", account=manager).status == 200
    assert api.get(f"/v1/events/{event}").json["questions"] == created.json["questions"]


def test_each_part_changes_alone_with_the_version_and_the_log(
    api: Client, conn: Connection, event: UUID, manager: UUID
) -> None:
    types = [str(factories.ticket_type(conn, event_id=event))]

    asked = patch(api, event, manager, questions=[{**SHORT, "options": OPTIONS, "ticket_type_ids": types}])
    assert asked.status == 200, asked.body
    named = patch(api, event, manager, holders={"email": "required"})

    assert named.json["holders"] == {"name": "not_asked", "email": "required"}
    assert named.json["questions"] == asked.json["questions"]
    assert asked.json["questions"][0]["ticket_type_ids"] == types
    assert named.json["version"] == 3
    assert entries(conn)[-1].details["after"]["form"]["holders"] == named.json["holders"]
    nothing = patch(api, event, manager, holders={"email": "not_asked"}, questions=[])
    assert nothing.json["questions"] == []
    assert conn.execute("SELECT form FROM events WHERE id = %s", [event]).fetchone() == (None,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "Größe"}, "id"),
        ({"id": "a" * 41}, "id"),
        ({"kind": "colour"}, "kind"),
        ({"asked_of": "event"}, "asked_of"),
        ({"label": "\u200b"}, "label"),
        ({"label": "a" * 201}, "label"),
        ({"help": "a" * 1001}, "help"),
        ({"required": "yes"}, "required"),
        ({"options": [{"id": "m"}]}, "options.0.label"),
        ({"options": []}, "options"),
        ({"options": OPTIONS * 51}, "options"),
        ({"shown_if": {"question_id": "size"}}, "shown_if.question_id"),
        ({"shown_if": {"question_id": "size", "options": []}}, "shown_if.options"),
        ({"ticket_type_ids": []}, "ticket_type_ids"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_place(
    api: Client, conn: Connection, event: UUID, manager: UUID, change: dict[str, Any], field: str
) -> None:
    refused = patch(api, event, manager, questions=[{**SHORT, "options": OPTIONS, **change}])

    assert (refused.status, refused.code) == (422, "invalid")
    assert ".".join(map(str, refused.json["errors"][0]["loc"])) == f"body.questions.0.{field}"
    assert conn.execute("SELECT form, version FROM events WHERE id = %s", [event]).fetchone() == (None, 1)


def test_ticket_types_of_other_events_are_unknown(api: Client, conn: Connection, event: UUID, manager: UUID) -> None:
    for ticket_type in (factories.ticket_type(conn), uuid4()):
        asked = {**SHORT, "options": OPTIONS, "ticket_type_ids": [str(ticket_type)]}
        refused = patch(api, event, manager, questions=[asked])
        assert (refused.status, refused.code) == (422, "unknown_ticket_type")
        assert refused.json["ticket_type_ids"] == [str(ticket_type)]


def test_fifty_questions_are_the_most(api: Client, event: UUID, manager: UUID) -> None:
    asked = [{**SHORT, "id": f"q{number}", "kind": "text"} for number in range(51)]
    assert patch(api, event, manager, questions=asked[:50]).status == 200
    assert patch(api, event, manager, questions=asked).json["errors"][0]["loc"] == ["body", "questions"]


def test_only_managers_change_it(api: Client, conn: Connection, event: UUID, organisation: UUID) -> None:
    scanner = factories.member(conn, organisation, "scanner")
    assert patch(api, event, scanner, questions=[]).status == 403
    assert patch(api, event, factories.account(conn), questions=[]).status == 404
