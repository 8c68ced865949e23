"""A price and a discount suit their event's currency, though both change at the same time."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.auth import Caller
from boxoffice.errors import AmountOffStep, DomainError
from boxoffice.events import service as events
from boxoffice.events.models import EventPatch
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.models import TicketTypePatch, TicketTypeRequest
from boxoffice.vouchers import service as vouchers
from boxoffice.vouchers.models import AmountOff, VoucherPatch, VoucherRequest
from tests.helpers import factories
from tests.helpers.support import Client, Database

type Edit = Callable[[Connection], object]


def edits_of(conn: Connection, organisation: UUID, manager: Caller) -> tuple[Edit, list[Edit]]:
    """Make a draft in a currency of two decimals.

    Returns:
        An edit that sets a currency of three decimals, whose last must be 0, and edits to amounts that end in 5.
    """
    event = factories.event(conn, organisation_id=organisation, status="draft")
    ticket_type = factories.ticket_type(conn, event_id=event, price=5000)
    voucher = factories.voucher(conn, event, discount_kind="fixed", discount_value=1000)
    five_off = AmountOff(kind="fixed", amount=5)
    priced = TicketTypeRequest(name="Odd", price=5005, quantity=1)

    def set_currency(conn: Connection) -> object:
        return events.update_event(conn, manager, event, EventPatch(currency="KWD"), None)

    return set_currency, [
        lambda conn: ticket_types.update_ticket_type(conn, manager, ticket_type, TicketTypePatch(price=5005), None),
        lambda conn: ticket_types.create_ticket_type(conn, manager, event, priced),
        lambda conn: vouchers.update_voucher(conn, manager, voucher, VoucherPatch(discount=five_off), None),
        lambda conn: vouchers.create_voucher(conn, manager, event, VoucherRequest(code="ODD", discount=five_off)),
    ]


def outcome_of_second(database: Database, conn: Connection, first: Edit, second: Edit) -> DomainError | None:
    """Start an edit while the transaction of another is open. Return how it ends after that commits."""

    def try_second() -> DomainError | None:
        try:
            with db.Connection.connect(database.api_url, autocommit=True) as other, other.transaction():
                second(other)
        except DomainError as error:
            return error
        return None

    with ThreadPoolExecutor(1) as pool:
        with db.Connection.connect(database.api_url, autocommit=True) as one, one.transaction():
            first(one)
            outcome = pool.submit(try_second)
            wait_for_a_waiter(conn)
        return outcome.result()


def wait_for_a_waiter(conn: Connection) -> None:
    """Wait until some transaction of the database waits for a lock."""
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if conn.execute(waiting).fetchone() is not None:
            return
        time.sleep(0.01)
    raise AssertionError("the second edit does not wait for the first")


@pytest.mark.parametrize("currency_first", [True, False])
def test_of_a_currency_and_an_amount_that_do_not_suit_each_other_the_second_is_refused(
    api: Client, database: Database, conn: Connection, organisation: UUID, manager: Caller, currency_first: bool
) -> None:
    for number in range(4):
        set_currency, set_amount = edits_of(conn, organisation, manager)
        edit = set_amount[number]

        first, second = (set_currency, edit) if currency_first else (edit, set_currency)

        assert isinstance(outcome_of_second(database, conn, first, second), AmountOffStep)
