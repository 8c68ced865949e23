"""GET /v1/ticket-types/{ticket_type_id}/seats"""

from boxoffice import db
from boxoffice.api import Cursor, PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.scopes import Scope
from boxoffice.seats.models import SeatPage
from boxoffice.ticket_types import service

__all__ = ["handler"]


@route(
    "GET",
    "/v1/ticket-types/{ticket_type_id}/seats",
    who=Who.PUBLIC,
    scope=Scope.EVENTS_READ,
    conditional=True,
    raises=(NotFound,),
    cache_control="public, max-age=1, stale-while-revalidate=2",
)
def list_seats(ticket_type_id: PathId, cursor: Cursor = None) -> SeatPage:
    """Return the seats of a ticket type, and which of them are free.

    A page is as large as an answer can be, so most maps have one page. The answer has an `ETag`. Send it as
    `If-None-Match`: the answer is 304 while the page is the same.
    """
    with db.autocommit() as conn:
        page, version = service.list_seats(conn, caller(), ticket_type_id, cursor)
    etag(version)
    return page
