"""DELETE /v1/ticket-types/{ticket_type_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.ticket_types import service
from boxoffice.ticket_types.errors import NoTicketTypes, TicketsTaken

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/ticket-types/{ticket_type_id}",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=204,
    raises=(TicketsTaken, NoTicketTypes),
)
def delete_ticket_type(ticket_type_id: PathId, if_match: IfMatch = None) -> None:
    """Delete a ticket type.

    This is refused while tickets of it are sold, or held by orders or offers of the waitlist. It is refused for the
    last ticket type of a published event, too.
    """
    with db.transaction() as conn:
        service.delete_ticket_type(conn, caller(), ticket_type_id, expected_version(if_match))
