"""GET /docs"""

from aws_lambda_powertools.event_handler import Response

from boxoffice import openapi
from boxoffice.api import handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/docs", who=Who.PUBLIC, produces=("text/html",), cache_control="max-age=300")
def get_docs() -> Response[str]:
    """Return a page on which to browse and try this API."""
    page = openapi.page(openapi.committed())
    headers = {"Content-Security-Policy": openapi.policy_of(page)}
    return Response(status_code=200, content_type="text/html", body=page, headers=headers)
