"""POST /v1/events/{event_id}/ticket-types"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.ticket_types import service
from boxoffice.ticket_types.errors import INVALID_TICKET_TYPE, EventCancelled, TooManyTicketTypes
from boxoffice.ticket_types.models import TicketTypeRequest, TicketTypeView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/ticket-types",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=201,
    raises=(*INVALID_TICKET_TYPE, TooManyTicketTypes, EventCancelled),
)
def create_ticket_type(event_id: PathId, ticket_type: TicketTypeRequest) -> TicketTypeView:
    """Add a ticket type to an event.

    If the event is published, the ticket type is on sale at once, within its own sale window.
    """
    with db.transaction() as conn:
        created = service.create_ticket_type(conn, caller(), event_id, ticket_type)
    etag(created.version)
    return created
