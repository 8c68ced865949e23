"""GET /v1/organisations/{organisation_id}/statements/{month}"""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from boxoffice import db
from boxoffice.answer import set_header
from boxoffice.api import PathId, binary, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import pattern
from boxoffice.reports import statements
from boxoffice.scopes import Scope

__all__ = ["handler"]

Month = Annotated[
    str,
    Path(
        pattern=pattern(r"^(19[7-9]\d|2[01]\d\d)-(0[1-9]|1[0-2])$", "must be a month like 2026-06"),
        description="The year and the month, in UTC",
    ),
]


@route(
    "GET",
    "/v1/organisations/{organisation_id}/statements/{month}",
    who=Who.OWNER,
    scope=Scope.MONEY_READ,
    produces=("application/pdf",),
)
def get_statement(organisation_id: PathId, month: Month) -> Response[str]:
    """Download the statement of a month as a PDF, in the language of the organisation.

    For each currency it has the opening balance, sales, refunds, disputes, fees, corrections and payouts, and the
    closing balance. The balance is what the platform holds for the organisation. What the organisation took itself
    stands apart.

    A month closes an hour after its end, in UTC. Until then the statement is provisional. After that it never changes:
    it is kept as it was printed first.
    """
    with db.autocommit() as conn:
        document = statements.get_statement(conn, caller(), organisation_id, month)
    set_header("Content-Disposition", f'attachment; filename="statement-{month}.pdf"')
    return binary(document, "application/pdf")
