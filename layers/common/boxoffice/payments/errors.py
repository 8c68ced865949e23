"""What can be wrong with a payment."""

from datetime import datetime

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventEnded
from boxoffice.orders.errors import NothingToPay, OrderNotPending, PaymentProcessing
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.ticket_types.errors import EventCancelled


class ProviderNotEnabled(DomainError):
    status = 422
    code = "provider_not_enabled"
    meaning = "This payment provider is not enabled. These are: {providers}."
    remedy = "Choose one of them."
    providers: list[str]


class OrderExpired(DomainError):
    code = "order_expired"
    meaning = "The order's hold lapsed at {expired_at}."
    remedy = "Place a new order."
    expired_at: datetime
    detail: str = ""


class TooManyPayments(DomainError):
    code = "too_many_payments"
    meaning = "{max_payments} payments of this order have been started. It takes no more."
    remedy = "Place a new order, or ask the organisation."
    max_payments: int


class SignatureWrong(DomainError):
    status = 401
    code = "signature_wrong"
    security_event = "signature"
    meaning = "The signature is missing, too old, or not the provider's."
    remedy = "Compare the secret at the provider with the one that this deployment has."


class PaymentRefused(DomainError):
    code = "payment_refused"
    meaning = "The provider does not accept a payment of this amount or currency."
    remedy = "Pay with another provider."
    detail: str = ""


class ProviderUnavailable(DomainError):
    status = 503
    code = "provider_unavailable"
    meaning = "The payment provider does not answer."
    remedy = "Try again in a moment."
    detail: str = ""
    retry_after: int = 5


class ProviderBusy(DomainError):
    status = 503
    code = "provider_busy"
    meaning = "The payment provider takes no more calls at the moment."
    remedy = "Repeat the request in {retry_after} seconds, with the same Idempotency-Key."
    retry_after: int  # seconds, in the Retry-After header too


class RefundTooLarge(DomainError):
    code = "refund_too_large"
    meaning = "The refund is larger than what is left of the payment."
    remedy = "Refund `refundable` at the most."
    constraint = "incoming_payments_refunded"
    refundable: int | None = None  # in the minor unit of the order's currency


class MatterSettled(DomainError):
    code = "matter_settled"
    meaning = "Somebody settled this matter at {settled_at}."
    remedy = "Read it again to see how."
    settled_at: datetime


class ActionNotPossible(DomainError):
    code = "action_not_possible"
    meaning = "A matter of this kind cannot be settled by this action, but by: {actions}."
    remedy = "Choose one of them."
    actions: list[str]


class RefundUnderWay(DomainError):
    code = "refund_under_way"
    meaning = "The refund is sent already, is being sent right now, or may have been sent: the provider did not answer."
    remedy = "Read the matter again in a few minutes. To ask the provider at once, use the action `retry`."


# Why a money matter cannot be settled.
NOT_SETTLED = (MatterSettled, ActionNotPossible, RefundUnderWay)

# Why an order cannot be paid.
NOT_PAYABLE = (OrderNotPending, OrderExpired, NothingToPay, EventCancelled, EventEnded, SellerSuspended)

# Why a payment cannot be started at a provider.
NOT_TAKEN = (
    ProviderNotEnabled,
    PaymentRefused,
    PaymentProcessing,
    TooManyPayments,
    ProviderUnavailable,
    ProviderBusy,
)

# Why a provider that we ask gives no answer.
NO_ANSWER = (ProviderUnavailable, ProviderBusy)

# Why a webhook is refused.
NOT_THE_PROVIDER = (SignatureWrong, ProviderNotEnabled)
