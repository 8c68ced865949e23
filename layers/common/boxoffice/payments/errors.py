"""What can be wrong with a payment."""

from boxoffice.errors import DomainError


class ProviderNotEnabled(DomainError):
    status = 422
    code = "provider_not_enabled"
    detail = "This payment provider is not enabled here."


class OrderExpired(DomainError):
    code = "order_expired"
    detail = "The order's hold has lapsed. Place a new order."


class SignatureWrong(DomainError):
    status = 401
    code = "signature_wrong"
    detail = "The signature is missing, too old, or not the provider's."
