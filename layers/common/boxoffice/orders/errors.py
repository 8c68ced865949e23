"""What can be wrong with an order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from boxoffice.errors import Busy, Challenge, DomainError
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.stock.errors import QuantityNotAllowed, SoldOut


class AddressSuppressed(DomainError):
    code = "address_suppressed"
    meaning = "Nobody writes to the buyer's address any more: {email_problem}."
    remedy = "Give the order another address with `update_order`, or ask who runs the platform."
    email_problem: str


class TicketTypeNotFound(DomainError):
    status = 404
    code = "ticket_type_not_found"
    meaning = "Some of the ticket types do not exist or are not for sale to the public."
    remedy = "Leave out those in `ticket_type_ids`, or send the voucher that unlocks them."
    ticket_type_ids: list[UUID]


class NotOnSale(DomainError):
    code = "not_on_sale"
    meaning = "{ticket_type_name} is on sale from {on_sale_from} until {on_sale_until}."
    remedy = "Order between these times."
    ticket_type_id: UUID
    ticket_type_name: str
    on_sale_from: datetime | None
    on_sale_until: datetime
    detail: str


class MixedOrder(DomainError):
    status = 422
    code = "mixed_order"
    meaning = "All tickets of an order must belong to one organisation and one currency."
    remedy = "Place one order for each organisation and currency."
    organisation_ids: list[UUID]
    currencies: list[str]


class TicketModeNotOffered(DomainError):
    status = 422
    code = "ticket_mode_not_offered"
    meaning = "None of the ticket types has this ticket mode. They have: {offered}."
    remedy = "Leave `ticket_mode` out."
    offered: list[str]


class BuyerLimitReached(DomainError):
    code = "buyer_limit_reached"
    meaning = "A buyer may have at most {max_per_buyer} of {name} in all orders together. This buyer has {taken}."
    remedy = "Order fewer."
    subject_id: UUID
    """The ticket type or the voucher that is limited."""
    name: str
    max_per_buyer: int
    taken: int


class OrderNumberTaken(Busy):
    """Two orders got the same number by chance."""

    constraint = "orders_number_key"


class OrderNotPending(DomainError):
    code = "order_not_pending"
    meaning = "Only a pending order can be cancelled or paid. This one is {order_status}."
    remedy = "Read the order to see its state."
    order_status: str


class PaymentProcessing(DomainError):
    code = "payment_processing"
    meaning = "Money for this order is under way. The provider takes days to say if it arrives."
    remedy = "Wait for the email that tells how it ended. A manager can cancel the order."
    payment_id: UUID


class GuestBudgetReached(DomainError):
    status = 429
    code = "guest_budget_reached"
    meaning = "For one {shared_by}, guests may have {budget} {kind} tickets of the event. They have {used}."
    remedy = "Log in, do what `ways` says, or try again in {retry_after} seconds."
    kind: Literal["unpaid", "free"]
    shared_by: Literal["network", "mailbox", "event"]
    budget: int
    used: int
    ways: Sequence[Literal["log_in", "challenge", "wait"]]
    challenge: Challenge | None
    retry_after: int


class ChallengeNeeded(DomainError):
    status = 403
    code = "challenge_needed"
    meaning = "The event sells to guests who solve a challenge."
    remedy = "Solve it and send the answer as `challenge`, or log in."
    challenge: Challenge


class ChallengeFailed(DomainError):
    status = 403
    code = "challenge_failed"
    meaning = "The answer to the challenge is wrong, over or used."
    remedy = "Solve a new one, or log in."
    challenge: Challenge | None


class NothingToPay(DomainError):
    code = "nothing_to_pay"
    meaning = "The order is free. It waits for its buyer to confirm it by the link in an email."
    remedy = "Open the link."


class OrderEnded(DomainError):
    code = "order_ended"
    meaning = "Only an order that is pending or has valid tickets can be changed. This one is {order_status}."
    remedy = "Ask the seller if something must be set right."
    order_status: str


class BuyerErased(DomainError):
    code = "buyer_erased"
    meaning = "The buyer's data was erased."
    remedy = "The order stays without a buyer. Its tickets are as valid as before."


class OrderOfAccount(DomainError):
    status = 403
    code = "order_of_account"
    meaning = "The order belongs to an account, so its link alone cannot give it to another address."
    remedy = "Log in to that account, or ask the seller."


# Why an order cannot be changed.
NOT_CHANGEABLE = (OrderEnded, BuyerErased, BuyerLimitReached)

# Why the requested tickets cannot be bought.
CANNOT_BE_BOUGHT = (
    SoldOut,
    NotOnSale,
    TicketTypeNotFound,
    SellerSuspended,
    QuantityNotAllowed,
    BuyerLimitReached,
    MixedOrder,
    TicketModeNotOffered,
)

# Why a guest cannot buy them yet.
ASKS_GUESTS = (GuestBudgetReached, ChallengeNeeded, ChallengeFailed)
