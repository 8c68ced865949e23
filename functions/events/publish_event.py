"""POST /v1/events/{event_id}/publish"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.events import service
from boxoffice.events.errors import EventEnded, OrganisationNotApproved
from boxoffice.events.models import EventView
from boxoffice.scopes import Scope
from boxoffice.ticket_types.errors import EventCancelled, NoTicketTypes

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/publish",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    raises=(OrganisationNotApproved, NoTicketTypes, EventEnded, EventCancelled),
)
def publish_event(event_id: PathId, if_match: IfMatch = None) -> EventView:
    """Show an event to the public and start to sell it.

    The organisation must be approved. The event must have a ticket type, and an end in the future. To publish a
    published event changes nothing.
    """
    with db.transaction() as conn:
        event = service.publish_event(conn, caller(), event_id, expected_version(if_match))
    etag(event.version)
    return event
