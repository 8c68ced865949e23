"""Every hour: erase the data of people who asked for it, and what is older than the settings allow."""

from collections.abc import Callable
from typing import Any

from boxoffice import idempotency, one_time, outbox, rate_limit
from boxoffice.accounts import phone_codes
from boxoffice.exports import writing as exports
from boxoffice.jobs import Step, job
from boxoffice.orders import erasure as orders
from boxoffice.organisations import members
from boxoffice.payments import erasure as payments
from boxoffice.privacy import erasure, retention
from boxoffice.webhooks import service as webhooks


@job()
def handler() -> list[Step]:
    """Take turns with all kinds of data."""
    return [
        Step("erasures", erasure.list_due, erasure.go_on, "PersonalDataErased", "PersonalDataNotErased"),
        Step("contacts", retention.list_old_events, retention.erase_contacts, "ContactsErased", "ContactsNotErased"),
        _purge("messages", retention.list_old_messages, outbox.purge, "Messages"),
        *_purge_webhooks(),
        _purge("provider_events", retention.list_old_provider_events, payments.erase_events, "ProviderEvents"),
        _purge("sessions", retention.list_old_sessions, retention.purge_sessions, "Sessions"),
        _purge("keys", idempotency.list_old_keys, idempotency.purge_keys, "Keys"),
        _purge("tokens", one_time.list_old, one_time.purge, "Tokens"),
        _purge("phone_codes", phone_codes.list_old_codes, phone_codes.purge_codes, "PhoneCodes"),
        _purge("invitations", members.list_expired_invitations, members.purge_invitations, "Invitations"),
        _purge("rate_limits", rate_limit.list_old, rate_limit.purge, "RateLimits"),
        _purge("exports", exports.list_old, exports.purge, "Exports"),
        _purge("buyers", orders.list_forgotten, orders.forget, "Buyers"),
    ]


def _purge_webhooks() -> list[Step]:
    return [
        _purge("webhooks", retention.list_old_webhooks, webhooks.purge_deliveries, "Webhooks"),
        _purge("webhook_endpoints", webhooks.list_empty_endpoints, webhooks.purge_endpoints, "WebhookEndpoints"),
    ]


def _purge(name: str, find: Callable[..., Any], purge: Callable[..., int], what: str) -> Step:
    """Return a step that purges many rows in a transaction."""
    return Step(name, find, purge, f"{what}Purged", f"{what}NotPurged", at_once=1000)
