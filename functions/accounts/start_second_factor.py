"""POST /v1/me/second-factor"""

from boxoffice import db
from boxoffice.accounts import proof, second_factor
from boxoffice.accounts.errors import ProofNeeded, SecondFactorOn, WrongCredentials
from boxoffice.accounts.models import NewSecondFactorView, SecondFactorRequest
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_passwords

__all__ = ["handler"]


@route(
    "POST",
    "/v1/me/second-factor",
    who=Who.ACCOUNT,
    status=201,
    raises=(SecondFactorOn, ProofNeeded, WrongCredentials, TooManyRequests),
)
def start_second_factor(request: SecondFactorRequest) -> NewSecondFactorView:
    """Get the secret of a second factor, for an app that makes codes (TOTP).

    It counts once `POST /v1/me/second-factor/confirm` gets a code of the app, within an hour.
    """
    with limit_passwords(caller(), str(caller().account), WrongCredentials), db.autocommit() as conn:
        proof.check_owner(conn, caller(), request.current_password)
        with conn.transaction():
            return second_factor.start(conn, caller())
