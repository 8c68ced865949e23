"""GET /v1/admin/audit-log"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.admin import audit_log
from boxoffice.admin.models import AuditFilters, AuditPage
from boxoffice.api import Cursor, Limit, caller, handler, route
from boxoffice.auth import Who
from boxoffice.models import Id, Moment, ShortText, pattern

__all__ = ["handler"]

_OPERATION = pattern(r"^[a-z_]{1,100}$", "must be the name of an operation, such as publish_event")


@route("GET", "/v1/admin/audit-log", who=Who.OWNER)
def list_audit_entries(
    organisation_id: Annotated[Id | None, Query(description="Only its own entries; owners must name theirs")] = None,
    action: Annotated[str | None, Query(pattern=_OPERATION, description="The name of an operation")] = None,
    actor_id: Annotated[Id | None, Query(description="Who acted: an account, a key or a device")] = None,
    subject: Annotated[ShortText | None, Query(description="Such as `order 0192f0c1-…`")] = None,
    recorded_from: Annotated[Moment | None, Query(alias="from", description="Recorded at or after")] = None,
    recorded_before: Annotated[Moment | None, Query(alias="to", description="Recorded before")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> AuditPage:
    """List who did what, newest first: in an organisation for its owners, and everywhere for admins."""
    filters = AuditFilters(action, actor_id, subject, recorded_from, recorded_before)
    with db.autocommit() as conn:
        return audit_log.list_entries(conn, caller(), organisation_id, filters, limit, cursor)
