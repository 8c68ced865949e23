"""POST /v1/events/{event_id}/duplicate"""

from boxoffice import db
from boxoffice.api import IdempotencyKey, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.events import copies
from boxoffice.events.errors import EndsInThePast, TooManyCopies
from boxoffice.events.models import DuplicateRequest, DuplicatesView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/events/{event_id}/duplicate",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=201,
    raises=(EndsInThePast, TooManyCopies, TooManyRequests),
)
def duplicate_event(event_id: PathId, request: DuplicateRequest, key: IdempotencyKey) -> DuplicatesView:
    """Draft an event again at other times, at up to 100 in one request. All copies are made, or none.

    A copy has what the event has: its texts, gates, ticket types and seats, all of it unsold. It has no vouchers.
    Doors, sale windows and the last moment of late payments keep their distance from the start on the clock of the
    venue. The event and its copies are one series, which `list_events` lists by its `series_id`.
    """
    with db.autocommit() as conn:
        return copies.duplicate_event(conn, caller(), event_id, request, key)
