"""POST /v1/ticket-types/{ticket_type_id}/waitlist"""

from boxoffice import db, rate_limit
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.scopes import Scope
from boxoffice.waitlist import joining
from boxoffice.waitlist.errors import CANNOT_BE_AWAITED, StillAvailable
from boxoffice.waitlist.models import WaitlistRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/ticket-types/{ticket_type_id}/waitlist",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    status=202,
    raises=(NotFound, StillAvailable, *CANNOT_BE_AWAITED, TooManyRequests),
)
def join_waitlist(ticket_type_id: PathId, entry: WaitlistRequest) -> None:
    """Join the waitlist of a ticket type that is sold out.

    We email a link to the address, which works for 24 hours. Whoever opens it is in the line from then on. An account
    whose verified address it is joins at once. An address has one entry of a ticket type. To join again with another
    quantity changes it, and a larger one goes to the end of the line. The answer is the same in all cases.

    Freed tickets go to the earliest entry whose full quantity is available, unless its buyer may not buy them. An email
    with a link says until when they are held. That is an hour, or as the event sets it. Nights from 22 to 8 o'clock at
    the venue do not count.
    """
    with db.transaction() as conn:
        joining.join(conn, caller(), ticket_type_id, entry)
        rate_limit.limit_waitlist(caller(), entry.email)
