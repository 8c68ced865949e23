"""POST /v1/webhooks/sandbox"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView
from boxoffice.refunds import webhooks

__all__ = ["handler"]


@route("POST", "/v1/webhooks/sandbox", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_sandbox_webhook() -> WebhookView:
    """Receive an event of the sandbox provider.

    The body is `{id, type, payment_id, amount, currency}`, where `type` is `payment.succeeded`, `payment.processing` or
    `payment.failed`. For `refund.created`, `refund.failed`, `dispute.opened`, `dispute.won` and `dispute.lost`, the
    body also has the `reference` of the refund or dispute. The signature is in `X-Sandbox-Signature`. An event that is
    delivered several times has one effect.
    """
    return webhooks.receive("sandbox", None, raw_body(), request_header)
