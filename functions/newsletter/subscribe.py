"""POST /v1/newsletter/subscriptions"""

from boxoffice import db, rate_limit
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound, TooManyRequests
from boxoffice.newsletter import subscriptions
from boxoffice.newsletter.models import SubscriptionRequest
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/newsletter/subscriptions",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    status=202,
    raises=(NotFound, TooManyRequests),
)
def subscribe(subscription: SubscriptionRequest) -> None:
    """Subscribe to the newsletter of an organisation, or of the platform.

    We email a link to the address, which works for 24 hours. Whoever opens it has subscribed. Until then nothing is
    kept of them but the link. The answer and the email are the same, whether or not the address has subscribed before.
    """
    with db.transaction() as conn:
        subscriptions.request_link(conn, caller(), subscription)
        rate_limit.limit_subscriptions(caller(), subscription.email)
