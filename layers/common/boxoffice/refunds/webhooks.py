"""Receive a webhook: what the endpoints of all providers share.

It stands above `payments`, since a webhook may end an order: all its money went back without us.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Query

from boxoffice import db
from boxoffice.models import Id
from boxoffice.payments import providers, service
from boxoffice.payments.models import PLATFORM_MERCHANT, WebhookView

Organisation = Annotated[
    Id | None, Query(description="The organisation whose own account at the provider sends the webhook")
]


def receive(provider: str, merchant_id: UUID | None, body: bytes, header: Callable[[str], str | None]) -> WebhookView:
    """Verify a webhook before anything else, then store and apply its event.

    A stranger can name any organisation. One that does not exist has no account, so nobody asks for its secret.

    Args:
        merchant_id: the organisation whose own account sends the webhook. None for the deployment's account.
        header: returns a header of the request by its name in lower case.

    Raises:
        ProviderNotEnabled: the deployment does not use this provider.
        SignatureWrong, Malformed: the provider did not send the webhook, or we cannot read it. Or the organisation does
            not exist.
        ProviderUnavailable: the provider has to confirm the event, and does not answer.
        Busy: see `service.receive_event`.
    """
    module, merchant = providers.load_enabled(provider), merchant_id or PLATFORM_MERCHANT
    if merchant_id is not None:
        with db.autocommit() as conn:
            service.check_merchant(conn, merchant_id)
    module.verify(merchant, body, header(module.INFO.webhook_header.lower()), datetime.now(UTC))
    event = module.parse(merchant, body)
    with db.autocommit() as conn:
        view = service.receive_event(conn, provider, event, merchant)
        if event.reversals:
            from boxoffice.refunds import ending  # few events are about money that went back

            ending.end_marked_orders(conn)
        return view
