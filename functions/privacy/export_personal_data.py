"""POST /v1/personal-data-requests/export"""

from boxoffice import db
from boxoffice.accounts.errors import LinkOver
from boxoffice.api import Cursor, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.privacy import service
from boxoffice.privacy.models import PersonalData, TokenRequest
from boxoffice.rate_limit import limit_exports

__all__ = ["handler"]


@route("POST", "/v1/personal-data-requests/export", who=Who.PUBLIC, raises=(LinkOver, TooManyRequests))
def export_personal_data(request: TokenRequest, cursor: Cursor = None) -> PersonalData:
    """Return all that is held about guests with the address that the link was sent to, a page at a time.

    The link works again until it is over. The first page may be asked for five times a day.
    """
    with db.autocommit() as conn:
        guest = service.guest_of(conn, request.token)
        if cursor is None:
            limit_exports(f"guest {guest.email}")
        return service.export_guest(conn, guest, cursor)
