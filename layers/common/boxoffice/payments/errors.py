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


class PaymentRefused(DomainError):
    code = "payment_refused"
    detail = "The provider does not take a payment of this amount or currency."


class ProviderUnavailable(DomainError):
    status = 503
    code = "provider_unavailable"
    detail = "The payment provider does not answer. Try again in a moment."
    retry_after = 5


class RefundTooLarge(DomainError):
    code = "refund_too_large"
    detail = "A payment cannot be refunded by more than what is left of it."
    constraint = "incoming_payments_refunded"
