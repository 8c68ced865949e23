"""What may be done with a ticket type, and when."""

from dataclasses import fields

import pytest

from boxoffice.ticket_types import rules
from boxoffice.ticket_types.errors import NoTicketTypes, TooManyTicketTypes
from boxoffice.ticket_types.models import TicketTypeRow


def ticket_type() -> TicketTypeRow:
    """Return a ticket type whose fields are all None: the rules only count it."""
    return TicketTypeRow(**dict.fromkeys(field.name for field in fields(TicketTypeRow)))


def test_an_event_has_fifty_ticket_types_at_the_most() -> None:
    rules.check_addable([ticket_type()] * 49)
    with pytest.raises(TooManyTicketTypes):
        rules.check_addable([ticket_type()] * 50)


def test_a_published_event_keeps_its_last_ticket_type() -> None:
    rules.check_deletable("draft", [ticket_type()])
    rules.check_deletable("published", [ticket_type()] * 2)
    with pytest.raises(NoTicketTypes):
        rules.check_deletable("published", [ticket_type()])
