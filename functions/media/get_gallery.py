"""GET /v1/galleries/{gallery_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.media import galleries
from boxoffice.media.models import GalleryView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/galleries/{gallery_id}",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    conditional=True,
    raises=(NotFound,),
)
def get_gallery(gallery_id: PathId) -> GalleryView:
    """Return a gallery with its images. Only members of the organisation see one that is not published."""
    with db.autocommit() as conn:
        gallery = galleries.get_gallery(conn, caller(), gallery_id)
    etag(gallery.version)
    return gallery
