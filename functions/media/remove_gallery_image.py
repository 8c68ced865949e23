"""DELETE /v1/galleries/{gallery_id}/images/{image_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.media import galleries
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/galleries/{gallery_id}/images/{image_id}",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=204,
)
def remove_gallery_image(gallery_id: PathId, image_id: PathId) -> None:
    """Remove an image from a gallery. If nothing else shows the picture, it is removed a day later."""
    with db.transaction() as conn:
        galleries.remove_image(conn, caller(), gallery_id, image_id)
