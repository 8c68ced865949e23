"""A process dies while it takes seats, lays them out, makes offers or accepts them. The invariants stay true."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice.accounts.errors import LinkOver
from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import waitlist_token
from boxoffice.seats.models import SeatMapRequest
from boxoffice.ticket_types import service as ticket_types
from boxoffice.waitlist import joining
from boxoffice.waitlist import service as waitlist
from tests.helpers import factories, invariants, sellers
from tests.helpers.buyers import Action, purchase
from tests.helpers.racing import die_everywhere, die_everywhere_afresh
from tests.helpers.support import Client, Database


def take_best(conn: Connection) -> Action:
    ticket_type = factories.ticket_type(conn)
    factories.seats(conn, ticket_type, 3, 3)
    return purchase(ticket_type, 2)


def take_named_for_free(conn: Connection) -> Action:
    ticket_type = factories.ticket_type(conn, price=0)
    (row,) = factories.seats(conn, ticket_type, 3)
    item = {"ticket_type_id": str(ticket_type), "quantity": 2, "seat_ids": [str(seat) for seat in row[:2]]}
    return purchase(ticket_type, 2, items=[item])


def lay_out(conn: Connection) -> Action:
    organisation = factories.organisation(conn)
    manager = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event)
    factories.seats(conn, ticket_type, 3, 3)
    rows = [{"section": "Stalls", "row": "B", "numbers": ["1", "7"]}]
    request = SeatMapRequest.model_validate({"rows": rows})

    def action(conn: Connection) -> None:
        with conn.transaction():
            ticket_types.define_seats(conn, manager, ticket_type, request)

    return action


def entry_with_offer(conn: Connection, *, seated: bool) -> tuple[UUID, UUID, str]:
    """Make an offer, while another entry waits. Return the ticket type, the entry and its email address."""
    ticket_type = factories.ticket_type(conn, quantity=2)
    if seated:
        factories.seats(conn, ticket_type, 2)
    email = f"{uuid4()}@example.com"
    entry = factories.waitlist_entry(conn, ticket_type, email=email)
    factories.waitlist_entry(conn, ticket_type, quantity=1)
    assert waitlist.make_offers(conn, ticket_type)
    return ticket_type, entry, email


def accept(conn: Connection) -> Action:
    ticket_type, entry, email = entry_with_offer(conn, seated=True)
    return purchase(ticket_type, 1, buyer={"name": "Ada", "email": email}, waitlist_token=waitlist_token(entry))


def offer(conn: Connection) -> Action:
    ticket_type = factories.ticket_type(conn, quantity=50)
    factories.waitlist_entry(conn, ticket_type, quantity=25)
    return lambda conn: waitlist.make_offers(conn, ticket_type)


def end_offer(conn: Connection) -> Action:
    _, entry, _ = entry_with_offer(conn, seated=True)
    conn.execute("UPDATE waitlist_entries SET expires_at = now() WHERE id = %s", [entry])

    def action(conn: Connection) -> None:
        assert entry in waitlist.list_lapsed(conn)  # beside those of the processes before
        with conn.transaction():
            waitlist.end_lapsed_offer(conn, entry)

    return action


def expire_orders(conn: Connection) -> Action:
    ticket_type = factories.ticket_type(conn, quantity=6)
    for _ in range(3):
        factories.order(conn, ticket_type, expires_at=factories.a_moment_ago())
    factories.waitlist_entry(conn, ticket_type)

    def action(conn: Connection) -> None:
        sellers.expire_orders(conn, batch=3)

    return action


@pytest.mark.parametrize("make", [take_best, take_named_for_free, lay_out, accept, offer, end_offer, expire_orders])
def test_an_action_that_is_killed_is_done_wholly_or_not_at_all(
    api: Client, database: Database, conn: Connection, make: Callable[[Connection], Action]
) -> None:
    assert len(list(die_everywhere_afresh(database, conn, make))) >= 4


def test_a_link_that_is_opened_again_after_a_crash_joins_once(
    api: Client, database: Database, conn: Connection
) -> None:
    token = factories.waitlist_token(conn, factories.ticket_type(conn, max_per_buyer=4))

    def action(conn: Connection) -> None:
        with suppress(LinkOver), conn.transaction():  # an earlier crash may have come after the commit
            joining.confirm(conn, Caller(Who.PUBLIC), token)

    counts = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {}), (SELECT count(*) FROM {})"
    read = counts.format("waitlist_entries", "outbox", "one_time_tokens")
    for _ in die_everywhere(database, conn, action):
        assert conn.execute(read).fetchone() in ((0, 0, 1), (1, 1, 0))
    action(conn)
    assert conn.execute(read).fetchone() == (1, 1, 0)


def test_a_buyer_who_repeats_after_a_crash_gets_the_seats_once(
    api: Client, database: Database, conn: Connection
) -> None:
    action = take_best(conn)
    list(die_everywhere(database, conn, action))
    action(conn)

    assert conn.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM seats WHERE owner_id IS NOT NULL").fetchone() == (2,)
    invariants.check(conn)
