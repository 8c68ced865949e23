"""GET /v1/events/{event_id}/guests"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, PathId, caller, handler, route
from boxoffice.auth import Devices, Who
from boxoffice.checkin import service
from boxoffice.checkin.models import GuestPage
from boxoffice.errors import TooManyRequests
from boxoffice.models import ShortText
from boxoffice.rate_limit import limit_guest_searches
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/events/{event_id}/guests",
    who=Who.SCANNER,
    scope=Scope.SCAN,
    devices=Devices.DURING_PASS,
    raises=(TooManyRequests,),
)
def search_guests(
    event_id: PathId,
    q: Annotated[
        ShortText,
        Query(
            description="The beginning of names, of the order number, of the seat or of the email address",
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=20, description="How many tickets a page has at the most")] = 20,
    cursor: Cursor = None,
) -> GuestPage:
    """Search the guest list for somebody who comes without their QR.

    Each word of `q` must begin a word of the ticket. These are the words of its holder's and its buyer's name, its seat
    and its order number, and those before the @ of the email address. Accents and capitals do not matter. Admit the
    holder with `scan_ticket_by_id`. A person, a key or a device may search 300 times in 15 minutes.
    """
    limit_guest_searches(caller())
    with db.autocommit() as conn:
        return service.search_guests(conn, caller(), event_id, q, limit, cursor)
