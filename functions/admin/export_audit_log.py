"""GET /v1/admin/audit-log/export"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.admin import audit_log
from boxoffice.admin.models import AuditExport
from boxoffice.api import caller, handler, route
from boxoffice.audit import PLATFORM_CHAIN
from boxoffice.auth import Who
from boxoffice.models import Id

__all__ = ["handler"]


@route("GET", "/v1/admin/audit-log/export", who=Who.OWNER, compress=True)
def export_audit_log(
    chain: Annotated[Id, Query(description="The id of an organisation, or of an account for admins")] = PLATFORM_CHAIN,
    after: Annotated[int, Query(ge=0, lt=10**9, description="The `next_after` of the previous page")] = 0,
) -> AuditExport:
    """Return a chain of the audit log, the oldest entry first, with all that is needed to verify it.

    Write each page on a line of a file. `tools/verify_audit.py` then shows that nothing was changed, removed or
    inserted. Without an id, it is the platform's own chain, for admins.
    """
    with db.autocommit() as conn:
        return audit_log.export_entries(conn, caller(), chain, after)
