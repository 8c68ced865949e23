"""GET /v1/services/{service_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.models import PlaceView

__all__ = ["handler"]


@route("GET", "/v1/services/{service_id}", who=Who.SCANNER, scope=Scope.SLOTS, conditional=True)
def get_service(service_id: PathId) -> PlaceView:
    """Return a place with its capacity."""
    with db.autocommit() as conn:
        place = service.get_place(conn, caller(), service_id)
    etag(place.version)
    return place
