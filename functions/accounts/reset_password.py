"""POST /v1/password-resets/confirm"""

from boxoffice import db
from boxoffice.accounts import password_resets
from boxoffice.accounts.errors import GuessablePassword, LinkOver
from boxoffice.accounts.models import PasswordReset
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.rate_limit import let_in

__all__ = ["handler"]


# Nothing counts wrong tokens: nobody can guess one, and bcrypt runs for a valid one only.
@route("POST", "/v1/password-resets/confirm", who=Who.PUBLIC, status=204, raises=(LinkOver, GuessablePassword))
def reset_password(request: PasswordReset) -> None:
    """Set a new password with the token of an emailed link.

    Every session of the account ends, and every other link to reset its password. The email address counts as verified.
    Log in with the new password afterwards: wrong passwords that others send do not keep you out.
    """
    with db.autocommit() as conn:
        email = password_resets.reset(conn, caller(), request)
    let_in(caller(), email)
