"""DELETE /v1/sessions"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("DELETE", "/v1/sessions", who=Who.ACCOUNT, status=204)
def log_out_everywhere() -> None:
    """Log out of every session of the account.

    Their refresh tokens end at once. Access tokens stay valid until they expire, for fifteen minutes at most.
    """
    with db.transaction() as conn:
        service.log_out_everywhere(conn, caller())
