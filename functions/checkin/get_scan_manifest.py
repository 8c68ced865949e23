"""GET /v1/events/{event_id}/scan-manifest"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, IfNoneMatch, PathId, caller, handler, known_version, route, weak_etag
from boxoffice.auth import Devices, Who
from boxoffice.checkin import service
from boxoffice.checkin.models import MOST_TICKETS, ManifestView
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "GET",
    "/v1/events/{event_id}/scan-manifest",
    who=Who.SCANNER,
    scope=Scope.SCAN,
    devices=Devices.DURING_PASS,
    conditional=True,
    compress=True,
)
def get_scan_manifest(
    event_id: PathId,
    limit: Annotated[
        int, Query(ge=1, le=MOST_TICKETS, description="How many tickets a page holds at the most")
    ] = MOST_TICKETS,
    cursor: Cursor = None,
    known: IfNoneMatch = None,
) -> ManifestView:
    """Read everything that a device needs to scan offline.

    Without a cursor you read all tickets. With the `next_cursor` of the answer before, you read those that changed
    since: they were sold, transferred, refunded, scanned or undone. The manifest holds no QR and no name.
    """
    with db.autocommit() as conn:
        manifest, version = service.get_scan_manifest(conn, caller(), event_id, cursor, limit, known_version(known))
    weak_etag(version)
    return manifest
