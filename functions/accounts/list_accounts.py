"""GET /v1/admin/accounts"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.accounts import administration
from boxoffice.accounts.models import AccountFilters, AccountStatus, ManagedAccountPage
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import ShortText

__all__ = ["handler"]


@route("GET", "/v1/admin/accounts", who=Who.ADMIN)
def list_accounts(
    search: Annotated[
        ShortText | None, Query(alias="q", description="How the email address, or words of the name, begin")
    ] = None,
    status: Annotated[AccountStatus | None, Query()] = None,
    verified: Annotated[bool | None, Query(description="If its email address or phone is verified")] = None,
    is_admin: Annotated[bool | None, Query()] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ManagedAccountPage:
    """List the accounts of the platform, newest first, with the organisations that each belongs to."""
    filters = AccountFilters(search, status, verified, is_admin)
    with db.autocommit() as conn:
        return administration.list_accounts(conn, caller(), filters, limit, cursor)
