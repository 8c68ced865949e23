"""Copies of events are made once and whole, whoever copies and edits at once."""

import json
from collections.abc import Callable
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.events import copies, service
from boxoffice.events.models import DuplicateRequest
from boxoffice.ids import new_id
from boxoffice.seats.models import SeatMapRequest
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.models import TicketTypePatch
from tests.helpers import factories, invariants
from tests.helpers.factories import NOW
from tests.helpers.racing import attempt, deadlocks, race
from tests.helpers.support import Client, Database

SEATS = SeatMapRequest.model_validate({"rows": [{"section": "Stalls", "row": "A", "numbers": ["1", "2", "3"]}]})


@pytest.fixture
def organisation(api: Client, conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def manager(conn: Connection, organisation: UUID) -> Caller:
    return Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))


def request(*days: int) -> DuplicateRequest:
    return DuplicateRequest(starts_at=[NOW + timedelta(days=each) for each in days])


def test_one_request_that_comes_many_times_at_once_copies_once(
    conn: Connection, database: Database, organisation: UUID, manager: Caller
) -> None:
    event = factories.event(conn, organisation_id=organisation)
    factories.ticket_type(conn, event_id=event)
    key = str(new_id())

    answers = race(
        database,
        8,
        lambda conn, _: copies.duplicate_event(conn, manager, event, request(40, 50), key).model_dump_json(),
    )

    assert len({*answers}) == 1
    made = {item["id"] for item in json.loads(answers[0])["items"]}
    stored = conn.execute("SELECT id FROM events WHERE id <> %s", [event]).fetchall()
    assert {str(copy) for (copy,) in stored} == made
    assert deadlocks(conn) == 0
    invariants.check(conn)


def test_copies_of_events_of_one_title_never_wait_for_each_other_in_a_circle(
    conn: Connection, database: Database, organisation: UUID, manager: Caller
) -> None:
    """All want the same slugs, and name their dates in an order of their own."""
    events = [factories.event(conn, organisation_id=organisation, title="Jazz") for _ in range(6)]
    days = [[*range(40, 60)] for _ in events]
    for number, each in enumerate(days):
        Random(number).shuffle(each)

    answers = race(
        database,
        len(events),
        lambda conn, number: [
            copy.slug
            for copy in copies.duplicate_event(
                conn, manager, events[number], request(*days[number]), str(new_id())
            ).items
        ],
    )

    slugs = [slug for each in answers for slug in each]
    assert len({*slugs}) == len(slugs) == 120
    assert deadlocks(conn) == 0


@pytest.mark.parametrize("racers", [5, 6])
def test_a_copy_has_the_event_as_it_was_at_one_moment(
    conn: Connection, database: Database, organisation: UUID, manager: Caller, racers: int
) -> None:
    """While two managers copy, others lay out, delete and shrink ticket types, and the last one deletes the event."""
    event = factories.event(conn, organisation_id=organisation)
    seatless, deleted, shrunk = (factories.ticket_type(conn, event_id=event) for _ in range(3))
    edits: list[Callable[[db.Connection], object]] = [
        lambda conn: ticket_types.define_seats(conn, manager, seatless, SEATS),
        lambda conn: ticket_types.delete_ticket_type(conn, manager, deleted),
        lambda conn: ticket_types.update_ticket_type(conn, manager, shrunk, TicketTypePatch(quantity=7), None),
        lambda conn: service.delete_event(conn, manager, event),
    ]

    def edit(conn: db.Connection, number: int) -> None:
        with conn.transaction():
            edits[number](conn)

    def copy_or_edit(conn: db.Connection, racer: int) -> str:
        if racer >= 2:
            return attempt(lambda: edit(conn, racer - 2))
        return attempt(lambda: copies.duplicate_event(conn, manager, event, request(40), str(new_id())))

    outcomes = race(database, racers, copy_or_edit)

    assert {*outcomes} <= {"done", "not_found"}
    invariants.check(conn)
    assert deadlocks(conn) == 0
