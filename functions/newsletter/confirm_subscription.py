"""POST /v1/newsletter/subscriptions/confirm"""

from boxoffice import db
from boxoffice.accounts.errors import LinkOver
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who
from boxoffice.errors import NotFound
from boxoffice.newsletter import subscriptions
from boxoffice.newsletter.models import ConfirmedSubscriptionView, SubscriptionConfirmation
from boxoffice.scopes import Scope

__all__ = ["handler"]


@route(
    "POST",
    "/v1/newsletter/subscriptions/confirm",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    raises=(LinkOver, NotFound),
)
def confirm_subscription(confirmation: SubscriptionConfirmation) -> ConfirmedSubscriptionView:
    """Confirm a subscription, with the token of the link that `subscribe` has emailed.

    To confirm another link later changes nothing. Whoever has unsubscribed gets the newsletter again.
    """
    with db.transaction() as conn:
        return subscriptions.confirm(conn, caller(), confirmation.token)
