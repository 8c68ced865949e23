"""POST /v1/webhooks/generic"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView
from boxoffice.refunds import webhooks

__all__ = ["handler"]


@route("POST", "/v1/webhooks/generic", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_generic_webhook(organisation: webhooks.Organisation = None) -> WebhookView:
    """Receive an event of a bank or gateway.

    The body is `{order, status, payment?, reason?}`. `order` is the order's id or number, `status` is `PAID` or
    `REJECTED`. The shared secret is in `X-Webhook-Secret`. `PAID` means the order's total. To repeat an event changes
    nothing. `payment` is the bank's own name for the money. With it, a second payment for an order is no repeat.
    """
    return webhooks.receive("generic", organisation, raw_body(), request_header)
