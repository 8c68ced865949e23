"""POST /v1/password-resets/confirm"""

from boxoffice import db
from boxoffice.accounts import password_resets
from boxoffice.accounts.errors import GuessablePassword, LinkOver
from boxoffice.accounts.models import PasswordReset
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


# This has no rate limit: nobody can guess a token, and bcrypt runs for a valid one only.
@route("POST", "/v1/password-resets/confirm", who=Who.PUBLIC, status=204, raises=(LinkOver, GuessablePassword))
def reset_password(request: PasswordReset) -> None:
    """Set a new password with the token of an emailed link.

    Every session of the account ends, and every other link to reset its password. The email address counts as verified.
    Log in with the new password afterwards.
    """
    with db.autocommit() as conn:
        password_resets.reset(conn, caller(), request)
