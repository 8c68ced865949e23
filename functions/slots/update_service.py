"""PATCH /v1/services/{service_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.events.errors import UnknownTimeZone
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.errors import CapacityTooLow
from boxoffice.slots.models import PlacePatch, PlaceView

__all__ = ["handler"]


@route(
    "PATCH", "/v1/services/{service_id}", who=Who.MANAGER, scope=Scope.SLOTS, raises=(CapacityTooLow, UnknownTimeZone)
)
def update_service(service_id: PathId, patch: PlacePatch, if_match: IfMatch = None) -> PlaceView:
    """Change some of a place's fields.

    The capacity grows by the lowest numbers that are not in use. It shrinks by free slots, the highest first. Open
    claims keep their slots. When a claim above the capacity is released, a number within the capacity becomes free
    instead.
    """
    with db.transaction() as conn:
        place = service.update_place(conn, caller(), service_id, patch, expected_version(if_match))
    etag(place.version)
    return place
