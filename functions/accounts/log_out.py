"""DELETE /v1/sessions/current"""

from boxoffice import db
from boxoffice.accounts import sessions
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("DELETE", "/v1/sessions/current", who=Who.ACCOUNT, status=204)
def log_out() -> None:
    """Log out of this session.

    Its refresh token ends at once, and its access token within half a minute.
    """
    with db.transaction() as conn:
        sessions.log_out(conn, caller())
