"""POST /v1/email-verifications"""

from boxoffice import db
from boxoffice.accounts import verification
from boxoffice.accounts.errors import EmailVerifiedBefore, NoEmail
from boxoffice.accounts.models import EmailSentView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_emails_to

__all__ = ["handler"]


@route(
    "POST",
    "/v1/email-verifications",
    who=Who.ACCOUNT,
    status=202,
    raises=(NoEmail, EmailVerifiedBefore, TooManyRequests),
)
def send_email_verification() -> EmailSentView:
    """Send a link that verifies the email address of the caller's account.

    The link works once, for 24 hours. A newer link ends the older one.
    """
    with db.autocommit() as conn:
        limit_emails_to(caller(), verification.email_to_verify(conn, caller()))
    with db.transaction() as conn:
        return verification.send_link(conn, caller())
