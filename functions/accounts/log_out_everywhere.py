"""DELETE /v1/sessions"""

from boxoffice import db
from boxoffice.accounts import sessions
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("DELETE", "/v1/sessions", who=Who.ACCOUNT, status=204)
def log_out_everywhere() -> None:
    """Log out of every session of the account.

    Their refresh tokens end at once, and their access tokens within half a minute.
    """
    with db.transaction() as conn:
        sessions.log_out_everywhere(conn, caller())
