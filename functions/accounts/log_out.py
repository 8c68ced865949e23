"""DELETE /v1/sessions/current"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("DELETE", "/v1/sessions/current", who=Who.ACCOUNT, status=204)
def log_out() -> None:
    """Log out of this session.

    Its refresh token ends at once; access tokens that are out already expire within fifteen minutes.
    """
    with db.autocommit() as conn:
        service.log_out(conn, caller())
