"""GET /v1/admin/outbox"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.messaging import administration
from boxoffice.messaging.models import MessageKind, MessageStatus, OutboxFilters, OutboxPage
from boxoffice.models import ShortText

__all__ = ["handler"]


@route("GET", "/v1/admin/outbox", who=Who.ADMIN)
def list_outbox(
    status: Annotated[MessageStatus | None, Query()] = None,
    kind: Annotated[MessageKind | None, Query()] = None,
    template: Annotated[ShortText | None, Query(description="Such as `order_confirmation`")] = None,
    recipient: Annotated[
        ShortText | None, Query(description="The whole address, the phone number in E.164, or the organisation's id")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> OutboxPage:
    """List emails and text messages, newest first: those that are owed, sent, dropped and failed."""
    filters = OutboxFilters(status, kind, template, recipient.lower() if recipient else None)
    with db.autocommit() as conn:
        return administration.list_outbox(conn, caller(), filters, limit, cursor)
