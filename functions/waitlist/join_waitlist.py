"""POST /v1/ticket-types/{ticket_type_id}/waitlist"""

from boxoffice import db, rate_limit
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.scopes import Scope
from boxoffice.waitlist import service
from boxoffice.waitlist.errors import CANNOT_BE_AWAITED
from boxoffice.waitlist.models import WaitlistRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/ticket-types/{ticket_type_id}/waitlist",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    status=202,
    raises=(NotFound, *CANNOT_BE_AWAITED, TooManyRequests),
)
def join_waitlist(ticket_type_id: PathId, entry: WaitlistRequest) -> None:
    """Join the waitlist of a ticket type that is sold out.

    Freed tickets go to the earliest entry whose full quantity is available. An email with a link says that they are
    held for some hours. An email address has one entry of a ticket type; to join again changes nothing. Only an email
    to the address says if the entry is new, with a link to leave.
    """
    with db.transaction() as conn:
        service.join(conn, caller(), ticket_type_id, entry)
        rate_limit.limit_emails_to(caller(), entry.email)
