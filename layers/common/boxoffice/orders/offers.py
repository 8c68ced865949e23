"""What the offers of the waitlist cost.

An offer holds tickets, and no price. An order that takes it is charged the price of that moment, as every order is.
Here an entry gets the price that such an order would have now.
"""

from typing import Protocol
from uuid import UUID

from boxoffice import db, money
from boxoffice.auth import Caller
from boxoffice.pricing.models import PricedItem
from boxoffice.pricing.rules import charges_of
from boxoffice.waitlist import entries
from boxoffice.waitlist.models import MyWaitlistEntryView


class PricedEntry(Protocol):
    """A waitlist entry with the price of its ticket type."""

    @property
    def event_id(self) -> UUID: ...
    @property
    def ticket_type_id(self) -> UUID: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_price(self) -> int: ...
    @property
    def currency(self) -> str: ...


def total_of(entry: PricedEntry) -> int:
    """Return what an order of all that an entry waits for would be charged now, in the currency's minor unit."""
    item = PricedItem(entry.event_id, entry.ticket_type_id, entry.quantity, entry.unit_price)
    (charge,) = charges_of([item], None, money.step(entry.currency))
    return charge.total


def get_entry(conn: db.Connection, caller: Caller, entry_id: UUID) -> MyWaitlistEntryView:
    """Return a waitlist entry with its place in the line, its offer if there is one, and the price.

    Raises:
        NotFound: there is no such entry, or it is not the caller's.
    """
    entry = entries.get_entry(conn, caller, entry_id)
    return MyWaitlistEntryView(**vars(entry), total=total_of(entry))
