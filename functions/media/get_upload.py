"""GET /v1/uploads/{upload_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.media import service
from boxoffice.media.models import UploadView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/uploads/{upload_id}", who=Who.MANAGER, scope=Scope.EVENTS_READ)
def get_upload(upload_id: PathId) -> UploadView:
    """Return how an upload stands, with the picture that was made of it or why it was refused."""
    with db.autocommit() as conn:
        return service.get_upload(conn, caller(), upload_id)
