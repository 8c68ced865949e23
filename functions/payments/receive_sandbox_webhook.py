"""POST /v1/webhooks/sandbox"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments import webhooks
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView

__all__ = ["handler"]


@route("POST", "/v1/webhooks/sandbox", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_sandbox_webhook() -> WebhookView:
    """Take an event of the sandbox provider.

    The body is `{id, type, payment_id, amount, currency}`, where `type` is `payment.succeeded` or `payment.failed`. It
    is signed in `X-Sandbox-Signature`. However often an event is delivered, it has its effect once.
    """
    return webhooks.receive("sandbox", None, raw_body(), request_header)
