"""GET /v1/organisations/{organisation_id}/money-matters"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.payments import settling
from boxoffice.payments.models import MatterPage
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/organisations/{organisation_id}/money-matters", who=Who.MANAGER, scope=Scope.MONEY_READ)
def list_money_matters(
    organisation_id: PathId,
    settled: Annotated[bool | None, Query(description="False for those that are open, true for the others")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> MatterPage:
    """List what people must look at: refunds that failed, money that names no order, disputes and differences.

    Each says what happened and what to do. Admins find the matters of the platform under the nil UUID.
    """
    with db.autocommit() as conn:
        return settling.list_matters(conn, caller(), organisation_id, limit, cursor, settled=settled)
