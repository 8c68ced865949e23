"""POST /v1/transfers/accept"""

from boxoffice import db, rate_limit
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.scopes import Scope
from boxoffice.tickets import transfers
from boxoffice.tickets.errors import NOT_TRANSFERABLE, TRANSFER_CLOSED, AnswersNeeded
from boxoffice.tickets.models import AcceptedTransferView, AcceptTransferRequest

__all__ = ["handler"]


@route(
    "POST",
    "/v1/transfers/accept",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    raises=(NotFound, *TRANSFER_CLOSED, *NOT_TRANSFERABLE, AnswersNeeded, TooManyRequests),
)
def accept_transfer(request: AcceptTransferRequest) -> AcceptedTransferView:
    """Accept a ticket that somebody sent you, with the token in the email's link.

    From then on the door refuses the former QR. If you are logged in, the ticket belongs to your account. Otherwise
    you are a guest and read it with the `access_token`. You also receive the ticket by email.

    What the event asks of each ticket, you answer for yourself: the answers of the former holder go. If some are
    missing, the error names the event, which shows its questions. Repeat the request with `answers`.
    """
    with rate_limit.limit_wrong_tokens(caller(), "transfer", NotFound), db.transaction() as conn:
        return transfers.accept_transfer(conn, caller(), request)
