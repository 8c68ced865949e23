"""DELETE /v1/me/second-factor"""

from boxoffice import db
from boxoffice.accounts import second_factor
from boxoffice.accounts.errors import NoSecondFactor, WrongSecondFactorCode
from boxoffice.accounts.models import SecondFactorCodeRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_notices, limit_second_factor

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/me/second-factor",
    who=Who.ACCOUNT,
    status=204,
    raises=(NoSecondFactor, WrongSecondFactorCode, TooManyRequests),
)
def remove_second_factor(request: SecondFactorCodeRequest) -> None:
    """Remove the second factor, by a code of the app or a recovery code. One that was only started ends too."""
    limit_notices(caller(), caller().account)
    with limit_second_factor(caller().account, WrongSecondFactorCode), db.transaction() as conn:
        second_factor.remove(conn, caller(), request.code)
