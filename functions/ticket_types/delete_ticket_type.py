"""DELETE /v1/ticket-types/{ticket_type_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.ticket_types import service
from boxoffice.ticket_types.errors import NoTicketTypes, TicketsTaken

__all__ = ["handler"]


@route("DELETE", "/v1/ticket-types/{ticket_type_id}", who=Who.MANAGER, status=204, raises=(TicketsTaken, NoTicketTypes))
def delete_ticket_type(ticket_type_id: PathId) -> None:
    """Take a ticket type away.

    It is refused while any of it is sold, or held by a pending order, and for the last one of a published event.
    """
    with db.transaction() as conn:
        service.delete_ticket_type(conn, caller(), ticket_type_id)
