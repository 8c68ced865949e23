"""POST /v1/webhooks/flutterwave"""

from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments.errors import NO_ANSWER, NOT_THE_PROVIDER
from boxoffice.payments.models import WebhookView
from boxoffice.refunds import webhooks

__all__ = ["handler"]


@route("POST", "/v1/webhooks/flutterwave", who=Who.PROVIDER, raises=(*NOT_THE_PROVIDER, *NO_ANSWER))
def receive_flutterwave_webhook(organisation: webhooks.Organisation = None) -> WebhookView:
    """Receive an event of Flutterwave.

    The header `verif-hash` shows the account's secret hash. The hash does not cover the body, so we ask Flutterwave
    about the transaction. If Flutterwave does not answer us, we answer 503, and it repeats the event. We also ask again
    within minutes.
    """
    return webhooks.receive("flutterwave", organisation, raw_body(), request_header)
