"""POST /v1/webhooks/sandbox"""

from boxoffice import db
from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments import service
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView

__all__ = ["handler"]


@route("POST", "/v1/webhooks/sandbox", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_sandbox_webhook() -> WebhookView:
    """Take an event of the sandbox provider.

    The body is `{id, type, payment_id, amount, currency}`, where `type` is `payment.succeeded` or `payment.failed`. It
    is signed by `X-Sandbox-Signature`. However often an event is delivered, it has its effect once.
    """
    event = service.read_webhook("sandbox", None, raw_body(), request_header("x-sandbox-signature"))
    with db.autocommit() as conn:
        return service.take_event(conn, "sandbox", event)
