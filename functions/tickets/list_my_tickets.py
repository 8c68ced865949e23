"""GET /v1/me/tickets"""

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.tickets import service
from boxoffice.tickets.models import TicketPage

__all__ = ["handler"]


@route("GET", "/v1/me/tickets", who=Who.ACCOUNT)
def list_my_tickets(limit: Limit = 20, cursor: Cursor = None) -> TicketPage:
    """List the tickets of the caller's account, newest first."""
    with db.autocommit() as conn:
        return service.list_my_tickets(conn, caller(), limit, cursor)
