"""GET /v1/me"""

from boxoffice import db
from boxoffice.accounts import service
from boxoffice.accounts.models import MyAccountView
from boxoffice.api import caller, etag, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/v1/me", who=Who.ACCOUNT, conditional=True)
def get_me() -> MyAccountView:
    """Return the caller's account, with the organisations that it belongs to."""
    with db.autocommit() as conn:
        account = service.get_me(conn, caller())
    etag(account.version)
    return account
