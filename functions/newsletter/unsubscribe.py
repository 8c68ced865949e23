"""POST /v1/newsletter/subscriptions/unsubscribe"""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.newsletter import subscriptions
from boxoffice.scopes import Scope

__all__ = ["handler"]

Token = Annotated[str, Query(max_length=300, description="From the link in an issue, or from `confirm_subscription`")]


@route(
    "POST",
    "/v1/newsletter/subscriptions/unsubscribe",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    status=204,
    raises=(NotFound,),
)
def unsubscribe(token: Token) -> None:
    """Unsubscribe from a newsletter.

    Mail programs call it when their reader presses Unsubscribe (RFC 8058). They send a form with
    `List-Unsubscribe=One-Click`; nobody reads the body. The token never expires, and to unsubscribe again changes
    nothing. Emails that are not sent yet are dropped.
    """
    with db.transaction() as conn:
        subscriptions.end(conn, caller(), token)
