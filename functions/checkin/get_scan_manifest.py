"""GET /v1/events/{event_id}/scan-manifest"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import Cursor, IfNoneMatch, PathId, caller, handler, known_version, route, set_header, weak_etag
from boxoffice.auth import Who
from boxoffice.checkin import service
from boxoffice.checkin.models import MOST_TICKETS, ManifestView

__all__ = ["handler"]


@route("GET", "/v1/events/{event_id}/scan-manifest", who=Who.SCANNER, conditional=True, compress=True)
def get_scan_manifest(
    event_id: PathId,
    limit: Annotated[int, Query(ge=1, le=MOST_TICKETS, description="How many tickets to tell at once")] = MOST_TICKETS,
    cursor: Cursor = None,
    known: IfNoneMatch = None,
) -> ManifestView:
    """Everything that a device needs to scan offline.

    Without a cursor all tickets; with the `next_cursor` of the answer before, those that have changed since: sold,
    transferred, refunded, or scanned elsewhere. No QR can be made of it, and nobody is named in it.
    """
    with db.autocommit() as conn:
        manifest, version = service.get_scan_manifest(conn, caller(), event_id, cursor, limit, known_version(known))
    weak_etag(version)
    set_header("Vary", "Accept-Encoding")
    return manifest
