"""POST /v1/tickets/{ticket_id}/transfers"""

from boxoffice import db, rate_limit
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import TooManyRequests
from boxoffice.scopes import Scope
from boxoffice.tickets import transfers
from boxoffice.tickets.errors import NOT_TRANSFERABLE, TicketTransferred
from boxoffice.tickets.models import TransferRequest, TransferView

__all__ = ["handler"]


@route(
    "POST",
    "/v1/tickets/{ticket_id}/transfers",
    who=Who.GUEST,
    scope=Scope.ORDERS_WRITE,
    status=201,
    raises=(TicketTransferred, *NOT_TRANSFERABLE, TooManyRequests),
)
def start_transfer(ticket_id: PathId, request: TransferRequest) -> TransferView:
    """Send a ticket to somebody else, by email.

    The email has a link that works once, for seven days at the most, and not after the event has started. A transfer
    during the event can be accepted until its end. Nothing changes until somebody accepts. Sending the ticket again
    ends the earlier link.
    """
    with db.transaction() as conn:
        transfer = transfers.start_transfer(conn, caller(), ticket_id, request)
        holders = transfers.list_holders_of_free_ticket(conn, ticket_id)
        # Count only callers who may send the ticket, so that nobody else can use up their attempts.
        rate_limit.limit_resends(caller(), ticket_id, request.email, *holders)
        return transfer
