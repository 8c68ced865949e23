"""POST /v1/webhooks/stripe"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments import webhooks
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView

__all__ = ["handler"]


@route("POST", "/v1/webhooks/stripe", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_stripe_webhook(organisation: webhooks.Organisation = None) -> WebhookView:
    """Take an event of Stripe.

    It is signed in `Stripe-Signature`, no older than five minutes. However often Stripe delivers an event, it has its
    effect once. Subscribe to `payment_intent.succeeded`, `payment_intent.payment_failed`, `payment_intent.canceled`,
    `refund.updated` and `refund.failed`; others are stored and ignored.
    """
    return webhooks.receive("stripe", organisation, raw_body(), request_header)
