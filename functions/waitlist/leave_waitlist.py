"""DELETE /v1/waitlist/{entry_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.waitlist import service

__all__ = ["handler"]


@route("DELETE", "/v1/waitlist/{entry_id}", who=Who.GUEST, status=204)
def leave_waitlist(entry_id: PathId) -> None:
    """Wait no longer.

    The emails' links carry the token that this takes as `X-Order-Token`. What was offered goes to the next. To leave
    again changes nothing.
    """
    with db.transaction() as conn:
        service.leave(conn, caller(), entry_id)
