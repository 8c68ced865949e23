"""What may be done with a ticket type, and when."""

from collections.abc import Sequence

from boxoffice.ticket_types.errors import EventCancelled, NoTicketTypes, SeatsDecideQuantity, TooManyTicketTypes
from boxoffice.ticket_types.models import MOST_TICKET_TYPES, EventStatus, TicketTypeRow


def check_editable(status: EventStatus) -> None:
    """Whether an event, and what belongs to it, can still be edited.

    Raises:
        EventCancelled: it was called off, and stays as those know it who were told so.
    """
    if status == "cancelled":
        raise EventCancelled


def check_room(ticket_types: Sequence[TicketTypeRow]) -> None:
    """Whether an event can have one more ticket type.

    Raises:
        TooManyTicketTypes: it cannot.
    """
    if len(ticket_types) >= MOST_TICKET_TYPES:
        raise TooManyTicketTypes(max_ticket_types=MOST_TICKET_TYPES)


def check_remaining(event_status: EventStatus, ticket_types: Sequence[TicketTypeRow]) -> None:
    """Whether an event can do with one ticket type less.

    Raises:
        NoTicketTypes: it is published and would have none left.
    """
    if event_status == "published" and len(ticket_types) == 1:
        raise NoTicketTypes


def check_quantity_settable(ticket_type: TicketTypeRow) -> None:
    """Whether a ticket type's quantity is the organiser's to set.

    Raises:
        SeatsDecideQuantity: it is how many seats there are.
    """
    if ticket_type.seated:
        raise SeatsDecideQuantity
