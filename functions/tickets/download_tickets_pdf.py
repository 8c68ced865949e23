"""GET /v1/orders/{order_id}/tickets.pdf"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.answer import set_header
from boxoffice.api import PathId, binary, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.tickets import pdf, service
from boxoffice.tickets.errors import NOT_PRINTABLE

__all__ = ["handler"]

Part = Annotated[int, Query(ge=1, le=1000, description="Which 250 tickets of a large order: 1 is the first 250")]


@route(
    "GET",
    "/v1/orders/{order_id}/tickets.pdf",
    who=Who.GUEST,
    scope=Scope.ORDERS_READ,
    raises=NOT_PRINTABLE,
    produces=("application/pdf",),
)
def download_tickets_pdf(order_id: PathId, part: Part = 1) -> Response[str]:
    """Download the tickets of a paid order as a PDF, one page each.

    Refunded and transferred tickets are left out. One document holds 250 tickets at the most. The header
    `Link: <…>; rel="next"` leads to the next one.
    """
    with db.autocommit() as conn:
        printout = service.get_printout(conn, caller(), order_id, part)
    set_header("Content-Disposition", f'attachment; filename="tickets-{printout.name}.pdf"')
    if printout.offset + len(printout.tickets) < printout.total:
        set_header("Link", f'</v1/orders/{order_id}/tickets.pdf?part={part + 1}>; rel="next"')
    return binary(pdf.render(printout), "application/pdf")
