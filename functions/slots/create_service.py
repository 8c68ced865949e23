"""POST /v1/services"""

from boxoffice import db
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.slots import service
from boxoffice.slots.errors import ServiceEventNotFound
from boxoffice.slots.models import ServiceRequest, ServiceView

__all__ = ["handler"]


@route("POST", "/v1/services", who=Who.MANAGER, status=201, raises=(ServiceEventNotFound,))
def create_service(request: ServiceRequest) -> ServiceView:
    """Open a cloakroom, a car park or another service with capacity.

    Its slots are numbered from 1 on.
    """
    with db.transaction() as conn:
        created = service.create_service(conn, caller(), request)
    etag(created.version)
    return created
