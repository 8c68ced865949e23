"""Why a webhook endpoint cannot be made, changed or replayed to."""

from boxoffice.errors import DomainError


class TooManyWebhookEndpoints(DomainError):
    code = "too_many_webhook_endpoints"
    meaning = "The organisation has {most} webhook endpoints, which is the most."
    remedy = "Delete one that you no longer need."
    most: int


class TooManyWebhookSecrets(DomainError):
    code = "too_many_webhook_secrets"
    meaning = "The endpoint has {most} secrets that sign, which is the most."
    remedy = "Wait until a former one ends, or end them all with `keep_former_hours` 0."
    most: int


class WebhookEndpointDisabled(DomainError):
    code = "webhook_endpoint_disabled"
    meaning = "The endpoint is disabled, so nothing is sent to it."
    remedy = "Enable it first, with `PATCH` and `enabled` true."
