"""GET /health"""

from aws_lambda_powertools.event_handler import Response

from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.platform import service
from boxoffice.platform.models import Health

__all__ = ["handler"]


@route("GET", "/health", who=Who.PUBLIC, other_statuses=(503,))
def get_health() -> Response[Health]:
    """Return the health of the deployment; with status 503 if the database does not answer."""
    health = service.get_health()
    return Response(status_code=503 if health.status == "down" else 200, content_type="application/json", body=health)
