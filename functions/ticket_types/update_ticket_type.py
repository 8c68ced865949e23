"""PATCH /v1/ticket-types/{ticket_type_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.stock.errors import QuantityTooLow
from boxoffice.ticket_types import service
from boxoffice.ticket_types.errors import INVALID_TICKET_TYPE, EventCancelled, SeatsDecideQuantity
from boxoffice.ticket_types.models import TicketTypePatch, TicketTypeView

__all__ = ["handler"]


@route(
    "PATCH",
    "/v1/ticket-types/{ticket_type_id}",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    raises=(*INVALID_TICKET_TYPE, QuantityTooLow, SeatsDecideQuantity, EventCancelled),
)
def update_ticket_type(ticket_type_id: PathId, patch: TicketTypePatch, if_match: IfMatch = None) -> TicketTypeView:
    """Change some of a ticket type's fields.

    Fields that are left out stay as they are. The quantity cannot be less than what is sold and held. Orders that were
    placed before keep their price.
    """
    with db.transaction() as conn:
        ticket_type = service.update_ticket_type(conn, caller(), ticket_type_id, patch, expected_version(if_match))
    etag(ticket_type.version)
    return ticket_type
