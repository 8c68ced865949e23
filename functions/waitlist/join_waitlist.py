"""POST /v1/ticket-types/{ticket_type_id}/waitlist"""

from boxoffice import db, rate_limit
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.waitlist import service
from boxoffice.waitlist.errors import CANNOT_BE_AWAITED
from boxoffice.waitlist.models import WaitlistRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/ticket-types/{ticket_type_id}/waitlist",
    who=Who.PUBLIC,
    status=202,
    raises=(NotFound, *CANNOT_BE_AWAITED, TooManyRequests),
)
def join_waitlist(ticket_type_id: PathId, entry: WaitlistRequest) -> None:
    """Wait for what is sold out.

    What is free again is offered in order of joining, to the first whose whole quantity is there: an email with a link
    holds it for some hours. An email address waits once for a ticket type; to join again changes nothing. Whether it
    did is told to the address alone, which gets a link to leave.
    """
    rate_limit.limit_waitlist(entry.email)
    with db.transaction() as conn:
        service.join(conn, caller(), ticket_type_id, entry)
