"""POST /v1/galleries/{gallery_id}/images"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.media import galleries
from boxoffice.media.errors import GalleryFull, ImageThereAlready, PictureNotReady
from boxoffice.media.models import GalleryImageRequest, GalleryView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/galleries/{gallery_id}/images",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    status=201,
    raises=(GalleryFull, ImageThereAlready, PictureNotReady),
)
def add_gallery_image(gallery_id: PathId, image: GalleryImageRequest) -> GalleryView:
    """Add a picture to the end of a gallery, which has a hundred at the most."""
    with db.transaction() as conn:
        gallery = galleries.add_image(conn, caller(), gallery_id, image)
    etag(gallery.version)
    return gallery
