"""POST /v1/me/second-factor/confirm"""

from boxoffice import db
from boxoffice.accounts import second_factor
from boxoffice.accounts.errors import NoSecondFactor, SecondFactorOn, WrongSecondFactorCode
from boxoffice.accounts.models import RecoveryCodesView, SecondFactorCodeRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_notices, limit_second_factor

__all__ = ["handler"]


@route(
    "POST",
    "/v1/me/second-factor/confirm",
    who=Who.ACCOUNT,
    raises=(NoSecondFactor, SecondFactorOn, WrongSecondFactorCode, TooManyRequests),
)
def confirm_second_factor(request: SecondFactorCodeRequest) -> RecoveryCodesView:
    """Prove by a code that the app has the secret. From now on each log-in asks for a code.

    The answer has ten recovery codes, for when the app is lost. Nobody can get them again, so keep them apart from the
    app. The account's other sessions end; this one goes on.
    """
    limit_notices(caller(), caller().account)
    with limit_second_factor(caller().account, WrongSecondFactorCode), db.transaction() as conn:
        return second_factor.confirm(conn, caller(), request.code)
