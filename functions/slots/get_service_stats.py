"""GET /v1/services/{service_id}/stats"""

from boxoffice import db
from boxoffice.api import PathId, caller, handler, route
from boxoffice.auth import Who
from boxoffice.scopes import Scope
from boxoffice.slots import service
from boxoffice.slots.models import PlaceStatsView

__all__ = ["handler"]


@route("GET", "/v1/services/{service_id}/stats", who=Who.SCANNER, scope=Scope.SLOTS)
def get_service_stats(service_id: PathId) -> PlaceStatsView:
    """Return how many slots of a place are taken now, and its claims of today.

    The day begins at midnight in the place's time zone.
    """
    with db.autocommit() as conn:
        return service.get_stats(conn, caller(), service_id)
