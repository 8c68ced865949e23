"""PATCH /v1/me"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.accounts.errors import NoContactLeft
from boxoffice.accounts.models import AccountPatch, AccountView
from boxoffice.api import IfMatch, caller, etag, expected_version, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("PATCH", "/v1/me", who=Who.ACCOUNT, raises=(NoContactLeft,))
def update_me(patch: AccountPatch, if_match: IfMatch = None) -> AccountView:
    """Change the caller's name or phone; a phone of `null` removes it."""
    with db.transaction() as conn:
        account = service.update_me(conn, caller(), patch, expected_version(if_match))
    etag(account.version)
    return account
