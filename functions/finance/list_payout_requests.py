"""GET /v1/admin/payouts"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payouts import service
from boxoffice.payouts.models import PayoutStatus, RequestedPayoutPage

__all__ = ["handler"]


@route("GET", "/v1/admin/payouts", who=Who.ADMIN)
def list_payout_requests(
    status: Annotated[PayoutStatus | None, Query(description="`requested` for those that wait")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> RequestedPayoutPage:
    """List the payouts of all organisations, newest first."""
    with db.autocommit() as conn:
        return service.list_payout_requests(conn, caller(), limit, cursor, status=status)
