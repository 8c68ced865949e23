"""POST /v1/password-resets"""

from boxoffice import db
from boxoffice.accounts import password_resets
from boxoffice.accounts.models import EmailSentView, PasswordResetRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_links_to

__all__ = ["handler"]


@route("POST", "/v1/password-resets", who=Who.PUBLIC, status=202, raises=(TooManyRequests,))
def request_password_reset(request: PasswordResetRequest) -> EmailSentView:
    """Send a link that sets a new password, if an account has the address.

    The answer is the same if none has. The link works once, for 30 minutes. It also sets the first password of an
    account that has none.
    """
    limit_links_to(caller(), request.email, "reset")
    with db.transaction() as conn:
        return password_resets.request(conn, request.email)
