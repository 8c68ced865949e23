"""POST /v1/services"""

from boxoffice import db
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.events.errors import UnknownTimeZone
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.errors import PlaceEventNotFound
from boxoffice.slots.models import PlaceRequest, PlaceView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/services",
    who=Who.MANAGER,
    scope=Scope.SLOTS,
    status=201,
    raises=(PlaceEventNotFound, UnknownTimeZone, TooManyRequests),
)
def create_service(request: PlaceRequest) -> PlaceView:
    """Make a cloakroom, a car park or another place with capacity.

    Its slots are numbered from 1.
    """
    with db.transaction() as conn:
        place = service.create_place(conn, caller(), request)
    etag(place.version)
    return place
