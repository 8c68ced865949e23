"""GET /v1/ticket-types/{ticket_type_id}/seats"""

from boxoffice import db
from boxoffice.api import Cursor, PathId, caller, handler, route, set_header
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.seats.models import SeatPage
from boxoffice.ticket_types import service

__all__ = ["handler"]


@route(
    "GET",
    "/v1/ticket-types/{ticket_type_id}/seats",
    who=Who.PUBLIC,
    conditional=True,
    raises=(NotFound,),
    cache_control="max-age=1",
)
def list_seats(ticket_type_id: PathId, cursor: Cursor = None) -> SeatPage:
    """The seats of a ticket type, and which of them are free.

    A page is as large as an answer can be: most maps are one. It comes with an `ETag`; sent as `If-None-Match`, it is
    answered by 304 while nothing has changed.
    """
    with db.autocommit() as conn:
        page, tag = service.list_seats(conn, caller(), ticket_type_id, cursor)
    set_header("ETag", tag)
    return page
