"""PUT /v1/ticket-types/{ticket_type_id}/seats"""

from boxoffice import db
from boxoffice.api import PathId, caller, etag, handler, route
from boxoffice.auth import Who
from boxoffice.seats.errors import SeatOfAnotherType, SeatsInTheWay
from boxoffice.seats.models import SeatMapRequest, SeatMapView
from boxoffice.ticket_types import service
from boxoffice.ticket_types.errors import EventCancelled, TicketsTaken

__all__ = ["handler"]


@route(
    "PUT",
    "/v1/ticket-types/{ticket_type_id}/seats",
    who=Who.MANAGER,
    raises=(TicketsTaken, SeatsInTheWay, SeatOfAnotherType, EventCancelled),
)
def define_seats(ticket_type_id: PathId, seats: SeatMapRequest) -> SeatMapView:
    """Lay out the seats of a ticket type, row by row, the best first.

    From then on its quantity is the number of its seats. Seats that stay keep their id and whoever has them; none is
    taken away that is held or sold. A map that is too large for one request is sent in several, with `extend`.
    """
    with db.transaction() as conn:
        outcome = service.define_seats(conn, caller(), ticket_type_id, seats)
    etag(outcome.version)
    return outcome
