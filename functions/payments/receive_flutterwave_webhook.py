"""POST /v1/webhooks/flutterwave"""

from boxoffice import db
from boxoffice.api import handler, raw_body, request_header, route
from boxoffice.auth import Who
from boxoffice.payments import service
from boxoffice.payments.errors import NOT_THE_PROVIDER, ProviderUnavailable
from boxoffice.payments.models import Organisation, WebhookView

__all__ = ["handler"]


@route("POST", "/v1/webhooks/flutterwave", who=Who.PROVIDER, raises=(*NOT_THE_PROVIDER, ProviderUnavailable))
def receive_flutterwave_webhook(organisation: Organisation = None) -> WebhookView:
    """Take an event of Flutterwave.

    It shows the account's hash in `verif-hash`. Flutterwave is then asked about the transaction, since the hash does
    not cover the body; should it not answer (503), it repeats the event, and we ask within minutes all the same.
    """
    event = service.read_webhook("flutterwave", organisation, raw_body(), request_header("verif-hash"))
    with db.autocommit() as conn:
        return service.take_event(conn, "flutterwave", event, organisation)
