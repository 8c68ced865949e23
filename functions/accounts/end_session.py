"""DELETE /v1/sessions/{session_id}"""

from boxoffice import db
from boxoffice.accounts import sessions
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound

__all__ = ["handler"]


@route("DELETE", "/v1/sessions/{session_id}", who=Who.ACCOUNT, status=204, raises=(NotFound,))
def end_session(session_id: PathId) -> None:
    """End one session of the account.

    Its refresh token ends at once, and its access token within half a minute.
    """
    with db.transaction() as conn:
        sessions.end_session(conn, caller(), session_id)
