"""PATCH /v1/galleries/{gallery_id}"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.media import galleries
from boxoffice.media.errors import ImagesIncomplete
from boxoffice.media.models import GalleryPatch, GalleryView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("PATCH", "/v1/galleries/{gallery_id}", who=Who.MANAGER, scope=Scope.EVENTS_WRITE, raises=(ImagesIncomplete,))
def update_gallery(gallery_id: PathId, patch: GalleryPatch, if_match: IfMatch = None) -> GalleryView:
    """Change some of a gallery's fields. Fields that you leave out do not change.

    `images` puts the images in another order, and changes captions and alternative texts. It names each image once.
    """
    with db.transaction() as conn:
        gallery = galleries.update_gallery(conn, caller(), gallery_id, patch, expected_version(if_match))
    etag(gallery.version)
    return gallery
