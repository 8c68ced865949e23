"""PUT /v1/ticket-types/{ticket_type_id}/seats"""

from boxoffice import db
from boxoffice.api import IfMatch, PathId, caller, etag, expected_version, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.seats.errors import SeatOfAnotherType, SeatsInUse
from boxoffice.seats.models import SeatMapRequest, SeatMapView
from boxoffice.ticket_types import service
from boxoffice.ticket_types.errors import EventCancelled, TicketsTaken

__all__ = ["handler"]


@route(
    "PUT",
    "/v1/ticket-types/{ticket_type_id}/seats",
    who=Who.MANAGER,
    scope=Scope.EVENTS_WRITE,
    raises=(TicketsTaken, SeatsInUse, SeatOfAnotherType, EventCancelled),
)
def define_seats(ticket_type_id: PathId, seats: SeatMapRequest, if_match: IfMatch = None) -> SeatMapView:
    """Lay out the seats of a ticket type, row by row, the best first.

    From then on, its quantity is the number of its seats. Seats that stay keep their id and their owner. A seat that is
    held or sold cannot be removed. Send a map that is too large for one request in several requests, with `extend`.
    """
    with db.transaction() as conn:
        seat_map = service.define_seats(conn, caller(), ticket_type_id, seats, expected_version(if_match))
    etag(seat_map.version)
    return seat_map
