"""What may be done with a ticket type, and when."""

from collections.abc import Sequence
from uuid import UUID

from boxoffice.ticket_types.errors import EventCancelled, NoTicketTypes, SeatsDecideQuantity, TooManyTicketTypes
from boxoffice.ticket_types.models import MOST_TICKET_TYPES, EventStatus, TicketTypeRow


def check_editable(event_id: UUID, status: EventStatus) -> None:
    """Check that an event, and what belongs to it, can still be edited.

    Raises:
        EventCancelled: the event is cancelled. It stays as its buyers were told.
    """
    if status == "cancelled":
        raise EventCancelled(event_id=event_id)


def check_addable(ticket_types: Sequence[TicketTypeRow]) -> None:
    """Check that an event can get one more ticket type.

    Raises:
        TooManyTicketTypes: it has as many as it can have.
    """
    if len(ticket_types) >= MOST_TICKET_TYPES:
        raise TooManyTicketTypes(max_ticket_types=MOST_TICKET_TYPES)


def check_deletable(event_status: EventStatus, ticket_types: Sequence[TicketTypeRow]) -> None:
    """Check that an event can lose one of its ticket types.

    Raises:
        NoTicketTypes: it is published, and this is its last one.
    """
    if event_status == "published" and len(ticket_types) == 1:
        raise NoTicketTypes


def check_quantity_settable(ticket_type: TicketTypeRow) -> None:
    """Check that a manager can set the quantity of a ticket type.

    Raises:
        SeatsDecideQuantity: its quantity is the number of its seats.
    """
    if ticket_type.seated:
        raise SeatsDecideQuantity
