"""POST /v1/galleries"""

from boxoffice import db
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.media import galleries
from boxoffice.media.models import GalleryRequest, GalleryView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("POST", "/v1/galleries", who=Who.MANAGER, scope=Scope.EVENTS_WRITE, status=201, raises=(TooManyRequests,))
def create_gallery(gallery: GalleryRequest) -> GalleryView:
    """Make a gallery. It has no images yet, and nobody but members sees it unless it is published."""
    with db.transaction() as conn:
        created = galleries.create_gallery(conn, caller(), gallery)
    etag(created.version)
    return created
