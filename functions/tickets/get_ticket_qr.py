"""GET /v1/tickets/{ticket_id}/qr"""

from aws_lambda_powertools.event_handler import Response

from boxoffice import db
from boxoffice.answer import set_header
from boxoffice.api import PathId, binary, caller, handler, request_header, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.tickets import qr, rules, service
from boxoffice.tickets.errors import KeyRetired, TicketRefunded, TicketTransferred

__all__ = ["handler"]


@route(
    "GET",
    "/v1/tickets/{ticket_id}/qr",
    who=Who.GUEST,
    scope=Scope.ORDERS_READ,
    raises=(TicketTransferred, TicketRefunded, KeyRetired),
    produces=("image/svg+xml", "image/png"),
)
def get_ticket_qr(ticket_id: PathId) -> Response[str]:
    """Read a ticket's QR as a picture.

    The picture is SVG, or PNG if the `Accept` header prefers that.
    """
    with db.autocommit() as conn:
        text = service.get_qr_text(conn, caller(), ticket_id)
    media_type = rules.picture_type(request_header("accept") or "*/*")
    draw_picture = qr.png if media_type == "image/png" else qr.svg
    set_header("Vary", "Accept")
    return binary(draw_picture(text), media_type)
