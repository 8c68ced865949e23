"""PUT /v1/me/password"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.accounts.errors import GuessablePassword, WrongCredentials
from boxoffice.accounts.models import PasswordChange
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_notices, limit_passwords

__all__ = ["handler"]


@route(
    "PUT", "/v1/me/password", who=Who.ACCOUNT, status=204, raises=(GuessablePassword, WrongCredentials, TooManyRequests)
)
def change_password(request: PasswordChange) -> None:
    """Change the password.

    The request takes the current password too. The account's other sessions end; this one goes on.
    """
    limit_notices(caller(), caller().account)
    with limit_passwords(caller(), str(caller().account), WrongCredentials), db.autocommit() as conn:
        service.change_password(conn, caller(), request)
