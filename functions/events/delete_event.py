"""DELETE /v1/events/{event_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.ticket_types.errors import TicketsTaken

__all__ = ["handler"]


@route("DELETE", "/v1/events/{event_id}", who=Who.MANAGER, status=204, raises=(TicketsTaken,))
def delete_event(event_id: PathId) -> None:
    """Take an event away, with its ticket types.

    It is refused while any of its tickets is sold, or held by a pending order. Nothing can be bought afterwards.
    """
    with db.transaction() as conn:
        service.delete_event(conn, caller(), event_id)
