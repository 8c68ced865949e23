"""GET /v1/me/export"""

from boxoffice import db
from boxoffice.api import Cursor, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.privacy import service
from boxoffice.privacy.models import PersonalData
from boxoffice.rate_limit import limit_exports

__all__ = ["handler"]


@route("GET", "/v1/me/export", who=Who.ACCOUNT, raises=(TooManyRequests,))
def export_me(cursor: Cursor = None) -> PersonalData:
    """Return all that is held about the caller, a page at a time.

    That is what the account did, and what guests did whose email address or phone the account has verified. Passwords
    and tokens are left out. The first page may be asked for five times a day.
    """
    if cursor is None:
        limit_exports(f"account {caller().account}")
    with db.autocommit() as conn:
        return service.export_me(conn, caller(), cursor)
