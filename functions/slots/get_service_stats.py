"""GET /v1/services/{service_id}/stats"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.slots import service
from boxoffice.slots.models import ServiceStatsView

__all__ = ["handler"]


@route("GET", "/v1/services/{service_id}/stats", who=Who.SCANNER)
def get_service_stats(service_id: PathId) -> ServiceStatsView:
    """How full a service is now, and how its day goes.

    The day begins at midnight in the service's time zone.
    """
    with db.autocommit() as conn:
        return service.get_stats(conn, caller(), service_id)
