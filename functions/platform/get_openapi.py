"""GET /openapi.json"""

from aws_lambda_powertools.event_handler import Response

from boxoffice import openapi
from boxoffice.api import handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/openapi.json", who=Who.PUBLIC, produces=("application/json",), cache_control="max-age=300")
def get_openapi() -> Response[str]:
    """Return this API as an OpenAPI 3.1 document."""
    return Response(status_code=200, content_type="application/json", body=openapi.committed())
