"""POST /v1/webhooks/stripe"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView
from boxoffice.refunds import webhooks

__all__ = ["handler"]


@route("POST", "/v1/webhooks/stripe", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_stripe_webhook(organisation: webhooks.Organisation = None) -> WebhookView:
    """Receive an event of Stripe.

    The signature is in `Stripe-Signature`, and may be five minutes old at the most. An event that Stripe delivers
    several times has one effect. Subscribe to `payment_intent.succeeded`, `payment_intent.processing`,
    `payment_intent.requires_action`, `payment_intent.payment_failed`, `payment_intent.canceled`, `refund.created`,
    `refund.updated`, `refund.failed`, `charge.refunded` and `charge.dispute.*`. Other events are stored and ignored.
    """
    return webhooks.receive("stripe", organisation, raw_body(), request_header)
