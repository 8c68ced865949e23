"""POST /v1/sessions/refresh"""

from boxoffice import db
from boxoffice.accounts import sessions
from boxoffice.accounts.errors import SessionOver
from boxoffice.accounts.models import RefreshRequest, SessionView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_wrong_tokens

__all__ = ["handler"]


@route("POST", "/v1/sessions/refresh", who=Who.PUBLIC, raises=(SessionOver, TooManyRequests))
def refresh_session(request: RefreshRequest) -> SessionView:
    """Exchange a refresh token for the next pair of tokens.

    Each refresh token can be used once. If it is used again, somebody has copied it: the session ends, and the account
    has to log in again. So a client should refresh a session once at a time.
    """
    with limit_wrong_tokens(caller(), "refresh", SessionOver), db.transaction() as conn:
        return sessions.refresh_session(conn, caller(), request.refresh_token)
