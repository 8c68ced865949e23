"""DELETE /v1/me"""

from boxoffice import db
from boxoffice.accounts.errors import LastAdmin, ProofNeeded, WrongCredentials
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.organisations.errors import LastOwnerOf
from boxoffice.privacy import service
from boxoffice.privacy.errors import TicketsAhead
from boxoffice.privacy.models import ErasureRequest, ErasureView
from boxoffice.rate_limit import limit_passwords

__all__ = ["handler"]


@route(
    "DELETE",
    "/v1/me",
    who=Who.ACCOUNT,
    status=202,
    raises=(WrongCredentials, ProofNeeded, LastAdmin, LastOwnerOf, TicketsAhead, TooManyRequests),
)
def delete_me(request: ErasureRequest) -> ErasureView:
    """Close the caller's account at once, and erase what is held about them within hours.

    It takes the password. An account without a password needs a log-in of the last 15 minutes instead. Orders, payments
    and the audit log stay, without names and contacts. What is under way is erased once it has ended.
    """
    with limit_passwords(caller(), str(caller().account), WrongCredentials), db.autocommit() as conn:
        return service.delete_me(conn, caller(), request)
