"""POST /v1/sessions/google"""

from boxoffice import db
from boxoffice.accounts import google
from boxoffice.accounts.errors import (
    EmailTaken,
    EmailUnverified,
    GoogleAccountDiffers,
    GoogleCodeOver,
    GoogleDoesNotVouch,
    SecondFactorNeeded,
    WrongCredentials,
)
from boxoffice.accounts.models import GoogleLogInRequest, SessionView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]

REFUSALS = (GoogleCodeOver, GoogleDoesNotVouch, EmailUnverified, EmailTaken, GoogleAccountDiffers, WrongCredentials)


# This has no rate limit: nobody can guess a code, and a wrong one costs no more than a hash.
@route("POST", "/v1/sessions/google", who=Who.PUBLIC, raises=(*REFUSALS, SecondFactorNeeded))
def log_in_with_google(request: GoogleLogInRequest) -> SessionView:
    """Log in with the code that `GET /v1/sessions/google` brought, and the secret of the page that began.

    A new person gets an account with the email address that Google names. If an account has the address already, it
    must have verified it. The code works once, within five minutes.
    """
    with db.transaction() as conn:
        return google.log_in(conn, caller(), request)
