"""GET /v1/sessions"""

from boxoffice import db
from boxoffice.accounts import sessions
from boxoffice.accounts.models import ListedSessionView
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Page

__all__ = ["handler"]


@route("GET", "/v1/sessions", who=Who.ACCOUNT)
def list_sessions(limit: Limit = 20, cursor: Cursor = None) -> Page[ListedSessionView]:
    """List the open sessions of the account, the newest first.

    Each is a log-in on one device. End those that you do not know.
    """
    with db.autocommit() as conn:
        return sessions.list_sessions(conn, caller(), limit, cursor)
