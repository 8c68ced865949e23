"""POST /v1/sessions"""

from boxoffice import db
from boxoffice.accounts import service, sessions
from boxoffice.accounts.errors import SecondFactorNeeded, WrongCredentials
from boxoffice.accounts.models import LogInRequest, SessionView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_passwords

__all__ = ["handler"]


@route("POST", "/v1/sessions", who=Who.PUBLIC, raises=(WrongCredentials, SecondFactorNeeded, TooManyRequests))
def log_in(request: LogInRequest) -> SessionView:
    """Log in with email address and password.

    If the account has a second factor, the answer is `second_factor_needed`. It has a token, which
    `POST /v1/sessions/second-factor` takes together with a code.
    """
    with db.autocommit() as conn:
        knows = sessions.knows_caller(conn, caller(), email=request.email)
        device = sessions.known_device(conn, request.email, request.refresh_token)
    with (
        limit_passwords(caller(), request.email, WrongCredentials, knows_caller=knows, known_device=device),
        db.autocommit() as conn,
    ):
        return service.log_in(conn, caller(), request)
