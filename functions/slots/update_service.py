"""PATCH /v1/services/{service_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.slots import service
from boxoffice.slots.errors import CapacityTooLow
from boxoffice.slots.models import ServicePatch, ServiceView

__all__ = ["handler"]


@route("PATCH", "/v1/services/{service_id}", who=Who.MANAGER, raises=(CapacityTooLow,))
def update_service(service_id: PathId, patch: ServicePatch, if_match: IfMatch = None) -> ServiceView:
    """Change some of a service's fields.

    The capacity grows by the lowest numbers that are not in use and shrinks by the highest free slots. Open claims keep
    theirs; when one above the capacity is released, a number within it is used instead.
    """
    with db.transaction() as conn:
        changed = service.update_service(conn, caller(), service_id, patch, expected_version(if_match))
    etag(changed.version)
    return changed
