"""A process that dies while it takes seats, lays them out, offers or accepts leaves the invariants true."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who, order_token
from boxoffice.seats.models import SeatMapRequest
from boxoffice.ticket_types import service as ticket_types
from boxoffice.waitlist import service as waitlist
from tests.helpers import factories, invariants, sellers
from tests.helpers.buyers import Act, purchase
from tests.helpers.racing import die_everywhere, die_everywhere_afresh
from tests.helpers.support import Client, Database


def take_the_best(conn: Connection) -> Act:
    ticket_type = factories.ticket_type(conn)
    factories.seats(conn, ticket_type, 3, 3)
    return purchase(ticket_type, 2)


def take_named_ones_for_free(conn: Connection) -> Act:
    ticket_type = factories.ticket_type(conn, price=0)
    (row,) = factories.seats(conn, ticket_type, 3)
    item = {"ticket_type_id": str(ticket_type), "quantity": 2, "seat_ids": [str(seat) for seat in row[:2]]}
    return purchase(ticket_type, 2, items=[item])


def lay_out(conn: Connection) -> Act:
    organisation = factories.organisation(conn)
    manager = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event)
    factories.seats(conn, ticket_type, 3, 3)
    rows = [{"section": "Stalls", "row": "B", "numbers": ["1", "7"]}]
    request = SeatMapRequest.model_validate({"rows": rows})

    def deed(conn: Connection) -> None:
        with conn.transaction():
            ticket_types.define_seats(conn, manager, ticket_type, request)

    return deed


def offered(conn: Connection, *, seated: bool) -> tuple[UUID, UUID, str]:
    """A ticket type, an entry that it is offered to, and its email address; another entry waits."""
    ticket_type = factories.ticket_type(conn, quantity=2)
    if seated:
        factories.seats(conn, ticket_type, 2)
    email = f"{uuid4()}@example.com"
    entry = factories.waitlist_entry(conn, ticket_type, email=email)
    factories.waitlist_entry(conn, ticket_type, quantity=1)
    assert waitlist.offer_next(conn, ticket_type)
    return ticket_type, entry, email


def accept(conn: Connection) -> Act:
    ticket_type, entry, email = offered(conn, seated=True)
    return purchase(ticket_type, 1, buyer={"name": "Ada", "email": email}, waitlist_token=order_token(entry))


def offer(conn: Connection) -> Act:
    ticket_type = factories.ticket_type(conn, quantity=50)
    factories.waitlist_entry(conn, ticket_type, quantity=25)
    return lambda conn: waitlist.offer_next(conn, ticket_type)


def lapse(conn: Connection) -> Act:
    _, entry, _ = offered(conn, seated=True)
    conn.execute("UPDATE waitlist_entries SET expires_at = now() WHERE id = %s", [entry])

    def deed(conn: Connection) -> None:
        for lapsed in waitlist.list_lapsed(conn):
            with conn.transaction():
                waitlist.lapse(conn, lapsed)

    return deed


def expire_to_the_waitlist(conn: Connection) -> Act:
    ticket_type = factories.ticket_type(conn, quantity=6)
    for _ in range(3):
        factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
    factories.waitlist_entry(conn, ticket_type)

    def deed(conn: Connection) -> None:
        sellers.expire_orders(conn, batch=3)

    return deed


@pytest.mark.parametrize(
    "make", [take_the_best, take_named_ones_for_free, lay_out, accept, offer, lapse, expire_to_the_waitlist]
)
def test_killed_anywhere_it_is_done_wholly_or_not_at_all(
    api: Client, database: Database, conn: Connection, make: Callable[[Connection], Act]
) -> None:
    assert len(list(die_everywhere_afresh(database, conn, make))) >= 4


def test_a_buyer_who_repeats_after_the_crash_has_the_seats_once(
    api: Client, database: Database, conn: Connection
) -> None:
    deed = take_the_best(conn)
    list(die_everywhere(database, conn, deed))
    deed(conn)

    assert conn.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM seats WHERE owner_id IS NOT NULL").fetchone() == (2,)
    invariants.check(conn)
