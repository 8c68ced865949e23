"""GET /v1/admin/suppressed-addresses"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.messaging import administration
from boxoffice.messaging.models import SuppressedAddressPage
from boxoffice.models import Email

__all__ = ["handler"]


@route("GET", "/v1/admin/suppressed-addresses", who=Who.ADMIN)
def list_suppressed_addresses(
    address: Annotated[Email | None, Query()] = None, limit: Limit = 20, cursor: Cursor = None
) -> SuppressedAddressPage:
    """List the addresses that emails are written to no more, newest first."""
    with db.autocommit() as conn:
        return administration.list_suppressed_addresses(conn, caller(), address, limit, cursor)
