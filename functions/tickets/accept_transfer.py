"""POST /v1/transfers/accept"""

from boxoffice import db, rate_limit
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.tickets import transfers
from boxoffice.tickets.errors import NOT_TRANSFERABLE, TRANSFER_CLOSED
from boxoffice.tickets.models import AcceptedTransferView, AcceptTransferRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/transfers/accept",
    who=Who.PUBLIC,
    raises=(NotFound, *TRANSFER_CLOSED, *NOT_TRANSFERABLE, TooManyRequests),
)
def accept_transfer(request: AcceptTransferRequest) -> AcceptedTransferView:
    """Accept a ticket that somebody sent, with the token in the email's link.

    From then on the QR of before is refused at the door. The ticket belongs to the caller's account if they are logged
    in, and to a guest otherwise, who reads it with the `access_token`. It is sent by email too.
    """
    rate_limit.limit_authentication()
    with db.transaction() as conn:
        return transfers.accept_transfer(conn, caller(), request)
