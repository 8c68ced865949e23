"""PATCH /v1/events/{event_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import AmountOffStep
from boxoffice.events import service
from boxoffice.events.errors import INVALID_EVENT, CurrencyFixed, EventSlugTaken, GatesInUse
from boxoffice.events.models import EventPatch, EventView
from boxoffice.media.errors import PictureNotReady
from boxoffice.scopes import Scope
from boxoffice.stock.errors import QuantityTooLow
from boxoffice.ticket_types.errors import CapacityNotSettable, EventCancelled

__all__ = ["handler"]


@route(
    "PATCH",
    "/v1/events/{event_id}",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    raises=(
        *INVALID_EVENT,
        AmountOffStep,
        CurrencyFixed,
        EventSlugTaken,
        GatesInUse,
        PictureNotReady,
        QuantityTooLow,
        CapacityNotSettable,
        EventCancelled,
    ),
)
def update_event(event_id: PathId, patch: EventPatch, if_match: IfMatch = None) -> EventView:
    """Change some of an event's fields.

    Fields that are left out stay as they are. The currency can change until the event is published. The capacity cannot
    be less than what is sold and held; null removes it. An event can get a capacity while none of its tickets is sold
    or held. If a published event moves to another time or place, everybody with a ticket gets an email within minutes.
    """
    with db.transaction() as conn:
        event = service.update_event(conn, caller(), event_id, patch, expected_version(if_match))
    etag(event.version)
    return event
