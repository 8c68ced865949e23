"""POST /v1/sessions/second-factor"""

from boxoffice import db
from boxoffice.accounts import second_factor
from boxoffice.accounts.errors import LogInOver, WrongCredentials, WrongSecondFactorCode
from boxoffice.accounts.models import SecondFactorLogInRequest, SessionView
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_second_factor

__all__ = ["handler"]


@route(
    "POST",
    "/v1/sessions/second-factor",
    who=Who.PUBLIC,
    raises=(LogInOver, WrongSecondFactorCode, WrongCredentials, TooManyRequests),
)
def log_in_with_second_factor(request: SecondFactorLogInRequest) -> SessionView:
    """Finish a log-in that was answered with `second_factor_needed`.

    Send the token of that answer, with a code of the app or a recovery code. Each works once. After five wrong codes
    in a quarter of an hour even a right one is refused.
    """
    with db.autocommit() as conn:
        account_id = second_factor.account_of(conn, request.second_factor_token)
    with limit_second_factor(account_id, WrongSecondFactorCode):
        try:
            with db.transaction() as conn:
                return second_factor.log_in(conn, caller(), account_id, request)
        except WrongSecondFactorCode:
            with db.transaction() as conn:
                second_factor.note_wrong_code(conn, caller(), account_id)
            raise
