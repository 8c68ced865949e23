"""PATCH /v1/admin/accounts/{account_id}"""

from boxoffice import db
from boxoffice.accounts import administration
from boxoffice.accounts.errors import AccountErased, AdminNotEligible, LastAdmin, NoEmail, OwnAccount
from boxoffice.accounts.models import ManagedAccountPatch, ManagedAccountView
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound

__all__ = ["handler"]


@route(
    "PATCH",
    "/v1/admin/accounts/{account_id}",
    who=Who.ADMIN,
    raises=(NotFound, AccountErased, NoEmail, OwnAccount, AdminNotEligible, LastAdmin),
)
def update_account(account_id: PathId, patch: ManagedAccountPatch, if_match: IfMatch = None) -> ManagedAccountView:
    """Block or unblock an account, verify its email address by hand, and make it an admin's, or take that back.

    A blocked account cannot log in, and its sessions end within half a minute. What it has bought stays valid. Its
    owner is told by email. The last admin stays one, and nobody can block or demote themself.
    """
    with db.transaction() as conn:
        account = administration.update_account(conn, caller(), account_id, patch, expected_version(if_match))
    etag(account.version)
    return account
