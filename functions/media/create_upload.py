"""POST /v1/uploads"""

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.media import service
from boxoffice.media.models import NewUploadView, UploadRequest
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("POST", "/v1/uploads", who=Who.MANAGER, scope=Scope.EVENTS_WRITE, status=201, raises=(TooManyRequests,))
def create_upload(request: UploadRequest) -> NewUploadView:
    """Get a form by which a browser uploads a picture.

    The browser sends the form itself, so the file does not pass through here. Then get the upload until it is `ready`,
    which takes some seconds, or a minute at Cloudinary. Sizes are made of the picture alone. What else the file tells,
    such as where a photo was taken, is dropped. An upload that nothing shows is removed after a day.
    """
    with db.transaction() as conn:
        return service.create_upload(conn, caller(), request)
