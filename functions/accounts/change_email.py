"""PUT /v1/me/email"""

from boxoffice import db
from boxoffice.accounts import email_changes
from boxoffice.accounts.errors import ProofNeeded, WrongCredentials
from boxoffice.accounts.models import EmailChange, EmailSentView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_emails_to, limit_passwords

__all__ = ["handler"]


@route(
    "PUT",
    "/v1/me/email",
    who=Who.ACCOUNT,
    status=202,
    raises=(WrongCredentials, ProofNeeded, TooManyRequests),
)
def change_email(request: EmailChange) -> EmailSentView:
    """Change the caller's email address, or add one.

    It takes the current password. An account without a password needs a log-in of the last 15 minutes instead. The
    change holds once `confirm_email` gets the token of the link that goes to the new address, within 24 hours. The old
    address gets a link that undoes the change, until seven days after that.
    """
    account = str(caller().account)
    limit_emails_to(caller(), request.email, account)
    with limit_passwords(caller(), account, WrongCredentials), db.autocommit() as conn:
        return email_changes.start(conn, caller(), request)
