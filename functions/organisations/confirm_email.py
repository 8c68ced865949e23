"""POST /v1/email-verifications/confirm"""

from boxoffice import db
from boxoffice.accounts import verification
from boxoffice.accounts.errors import EmailTaken, GuessablePassword, LinkOver, ProofNeeded, WrongCredentials
from boxoffice.accounts.models import EmailConfirmation
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations import confirmation
from boxoffice.organisations.models import ConfirmedEmailView
from boxoffice.rate_limit import limit_passwords

__all__ = ["handler"]


@route(
    "POST",
    "/v1/email-verifications/confirm",
    who=Who.PUBLIC,
    raises=(LinkOver, GuessablePassword, ProofNeeded, WrongCredentials, EmailTaken, TooManyRequests),
)
def confirm_email(request: EmailConfirmation) -> ConfirmedEmailView:
    """Confirm an email address, with the token of an emailed link.

    The link of `sign_up` makes the account, whose password is the one in this request, and logs it in. The links of
    `send_email_verification` and `change_email` verify the address of an account. They take its password, or the
    account's access token: a link that somebody else asked for must not be confirmed by mistake.
    """
    with db.autocommit() as conn:
        link = verification.find_link(conn, request.token)
        if request.password is None:
            return confirmation.confirm_email(conn, caller(), request)
        with limit_passwords(caller(), str(link.account_id or link.id), WrongCredentials):
            return confirmation.confirm_email(conn, caller(), request)
