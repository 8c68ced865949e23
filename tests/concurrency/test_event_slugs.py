"""A slug belongs to one event, whoever wants it at once."""

from uuid import UUID

from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import service
from boxoffice.events.models import EventPatch, EventRequest
from tests.helpers import factories
from tests.helpers.operations import event_request
from tests.helpers.racing import attempt, deadlocks, race
from tests.helpers.support import Client, Database

RACERS = 8


def test_events_of_one_title_that_are_drafted_at_once_get_different_slugs(
    api: Client, conn: Connection, database: Database
) -> None:
    organisation = factories.organisation(conn)
    manager = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    request = EventRequest.model_validate(event_request(organisation))

    def draft(conn: Connection, _: int) -> str:
        with conn.transaction():
            return service.create_event(conn, manager, request).slug

    slugs = race(database, RACERS, draft)

    assert len(set(slugs)) == RACERS
    assert slugs.count("jazz-by-the-sea") == 1
    assert deadlocks(conn) == 0


def test_one_of_those_who_rename_at_once_gets_the_slug(api: Client, conn: Connection, database: Database) -> None:
    organisation = factories.organisation(conn)
    manager = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    events = [factories.event(conn, organisation_id=organisation) for _ in range(RACERS)]

    def rename(conn: Connection, number: int) -> str:
        patch = EventPatch.model_validate({"slug": "jazz"})
        with conn.transaction():
            return attempt(lambda: service.update_event(conn, manager, events[number], patch, None))

    outcomes = race(database, RACERS, rename)

    assert sorted(outcomes) == ["done"] + ["event_slug_taken"] * (RACERS - 1)
    owners = conn.execute("SELECT event_id FROM event_slugs WHERE slug = 'jazz'").fetchall()
    assert owners == conn.execute("SELECT id FROM events WHERE slug = 'jazz'").fetchall()
    assert owners == [(_winner(events, outcomes),)]
    assert deadlocks(conn) == 0


def _winner(events: list[UUID], outcomes: list[str]) -> UUID:
    return events[outcomes.index("done")]
