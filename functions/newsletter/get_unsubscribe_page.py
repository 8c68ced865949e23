"""GET /v1/newsletter/subscriptions/unsubscribe"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice.answer import redirect_to
from boxoffice.api import handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.newsletter import subscriptions

__all__ = ["handler"]

Token = Annotated[str, Query(max_length=300, description="From the headers of an issue")]


@route(
    "GET",
    "/v1/newsletter/subscriptions/unsubscribe",
    who=Who.PUBLIC,
    status=302,
    raises=(NotFound,),
)
def get_unsubscribe_page(token: Token) -> None:
    """Send the browser to the page that asks if the reader wants to unsubscribe.

    This changes nothing, since programs open links to look for malware. The page then calls `unsubscribe`.
    """
    redirect_to(subscriptions.page_to_unsubscribe(token))
