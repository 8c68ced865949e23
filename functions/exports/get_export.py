"""GET /v1/exports/{export_id}"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.exports import service
from boxoffice.exports.models import ExportView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route("GET", "/v1/exports/{export_id}", who=Who.MANAGER, scope=Scope.ORDERS_READ)
def get_export(export_id: PathId) -> ExportView:
    """Show how far an export has come, and once it is ready a link to its file.

    The link works for ten minutes, for anybody who has it. The file and the export are deleted after a week.
    """
    with db.autocommit() as conn:
        return service.get_export(conn, caller(), export_id)
