"""GET /v1/tickets/{ticket_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.tickets import service
from boxoffice.tickets.models import TicketView

__all__ = ["handler"]


@route("GET", "/v1/tickets/{ticket_id}", who=Who.GUEST, scope=Scope.ORDERS_READ)
def get_ticket(ticket_id: PathId) -> TicketView:
    """Read a ticket: its event, its holder, and how often it was used."""
    with db.autocommit() as conn:
        return service.get_ticket(conn, caller(), ticket_id)
