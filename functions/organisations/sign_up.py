"""POST /v1/accounts"""

from boxoffice import db
from boxoffice.accounts.errors import EmailTaken, GuessablePassword
from boxoffice.accounts.models import SignUpRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations import service
from boxoffice.organisations.models import SignUpView
from boxoffice.rate_limit import limit_authentication

__all__ = ["handler"]


@route("POST", "/v1/accounts", who=Who.PUBLIC, status=201, raises=(EmailTaken, GuessablePassword, TooManyRequests))
def sign_up(request: SignUpRequest) -> SignUpView:
    """Make an account and log in.

    With `organisation_name` it registers an organisation too, which the account owns.
    """
    limit_authentication(request.email)
    with db.autocommit() as conn:
        return service.sign_up(conn, caller(), request)
