"""DELETE /v1/waitlist/{entry_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.waitlist import entries

__all__ = ["handler"]


@route("DELETE", "/v1/waitlist/{entry_id}", who=Who.GUEST, scope=Scope.ORDERS_WRITE, status=204)
def leave_waitlist(entry_id: PathId) -> None:
    """Leave the waitlist.

    Send the token of a link in the emails as `X-Order-Token`. An open offer goes to the next entry. To leave again
    changes nothing.
    """
    with db.transaction() as conn:
        entries.leave(conn, caller(), entry_id)
