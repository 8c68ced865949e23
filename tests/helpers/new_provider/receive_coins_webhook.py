"""POST /v1/webhooks/coins"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments.errors import NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView
from boxoffice.refunds import webhooks

__all__ = ["handler"]


@route("POST", "/v1/webhooks/coins", who=Who.PROVIDER, raises=NOT_THE_PROVIDER)
def receive_coins_webhook(organisation: webhooks.Organisation = None) -> WebhookView:
    """Receive an event of the box for coins."""
    return webhooks.receive("coins", organisation, raw_body(), request_header)
