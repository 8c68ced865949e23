"""DELETE /v1/galleries/{gallery_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.media import galleries
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("DELETE", "/v1/galleries/{gallery_id}", who=Who.MANAGER, scope=Scope.EVENTS_WRITE, status=204)
def delete_gallery(gallery_id: PathId) -> None:
    """Delete a gallery. Pictures that nothing else shows are removed a day later."""
    with db.transaction() as conn:
        galleries.delete_gallery(conn, caller(), gallery_id)
