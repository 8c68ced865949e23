"""GET /v1/events/{event_id}/attendees"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.exports import attendees
from boxoffice.exports.models import AttendeeFilters, AttendeePage
from boxoffice.models import Id, ShortText
from boxoffice.scopes import Scope
from boxoffice.tickets.models import TicketStatus

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/attendees", who=Who.MANAGER, scope=Scope.ORDERS_READ)
def list_attendees(
    event_id: PathId,
    ticket_type_id: Annotated[Id | None, Query()] = None,
    status: Annotated[TicketStatus | None, Query()] = None,
    checked_in: Annotated[bool | None, Query(description="True for those who have come, false for the others")] = None,
    q: Annotated[
        ShortText | None,
        Query(description="The beginning of names, of the order number, of the seat or of the email address"),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> AttendeePage:
    """List the attendees of an event in the order of purchase: its tickets, each with its holder and its buyer."""
    filters = AttendeeFilters(ticket_type_id, status, checked_in, q)
    with db.autocommit() as conn:
        return attendees.list_attendees(conn, caller(), event_id, filters, limit, cursor)
