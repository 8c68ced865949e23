"""GET /v1/services/{service_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.slots import service
from boxoffice.slots.models import ServiceView

__all__ = ["handler"]


@route("GET", "/v1/services/{service_id}", who=Who.SCANNER, conditional=True)
def get_service(service_id: PathId) -> ServiceView:
    """A service with its capacity."""
    with db.autocommit() as conn:
        found = service.get_service(conn, caller(), service_id)
    etag(found.version)
    return found
