"""PATCH /v1/me"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.accounts.errors import NoContactLeft, ProofNeeded, WrongCredentials
from boxoffice.accounts.models import AccountPatch, AccountView
from boxoffice.api import IfMatch, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.rate_limit import limit_passwords, limit_updates

__all__ = ["handler"]


@route("PATCH", "/v1/me", who=Who.ACCOUNT, raises=(NoContactLeft, WrongCredentials, ProofNeeded, TooManyRequests))
def update_me(patch: AccountPatch, if_match: IfMatch = None) -> AccountView:
    """Change the caller's name or phone; a phone of `null` removes it.

    To change a verified phone takes the current password. An account without a password needs a log-in of the last 15
    minutes instead.
    """
    limit_updates(caller().account)
    with limit_passwords(caller(), str(caller().account), WrongCredentials), db.autocommit() as conn:
        account = service.update_me(conn, caller(), patch, expected_version(if_match))
    etag(account.version)
    return account
