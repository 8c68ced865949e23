"""DELETE /v1/events/{event_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.scopes import Scope
from boxoffice.ticket_types.errors import TicketsTaken

__all__ = ["handler"]


@route("DELETE", "/v1/events/{event_id}", who=Who.MANAGER, scope=Scope.EVENTS_WRITE, status=204, raises=(TicketsTaken,))
def delete_event(event_id: PathId, if_match: IfMatch = None) -> None:
    """Delete an event, with its ticket types.

    This is refused while tickets of it are sold, or held by orders or offers of the waitlist.
    """
    with db.transaction() as conn:
        service.delete_event(conn, caller(), event_id, expected_version(if_match))
