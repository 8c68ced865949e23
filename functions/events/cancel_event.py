"""POST /v1/events/{event_id}/cancel"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.events.errors import EventNotPublished
from boxoffice.events.models import CancelEventRequest, EventView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("POST", "/v1/events/{event_id}/cancel", who=Who.MANAGER, scope=Scope.MONEY_WRITE, raises=(EventNotPublished,))
def cancel_event(event_id: PathId, cancellation: CancelEventRequest, if_match: IfMatch = None) -> EventView:
    """Cancel an event.

    Nobody can buy its tickets from now on. Within minutes, its pending orders are cancelled and its tickets refunded,
    used ones too. Buyers and holders get an email. This cannot be undone. To cancel a cancelled event changes nothing.
    """
    with db.transaction() as conn:
        event = service.cancel_event(conn, caller(), event_id, cancellation, expected_version(if_match))
    etag(event.version)
    return event
