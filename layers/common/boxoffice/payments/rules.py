"""Decide if an order can be paid, what incoming money does, and when to ask or try again at a provider."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from boxoffice.errors import DomainError
from boxoffice.events.errors import EventEnded
from boxoffice.money import show
from boxoffice.orders.errors import NothingToPay, OrderNotPending, PaymentProcessing
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.orders.rules import GRACE_PERIOD
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.payments.errors import OrderExpired, ProviderBusy, TooManyPayments
from boxoffice.payments.models import (
    DueRefund,
    IncomingPayment,
    MatterAction,
    MatterRow,
    OpenPayment,
    PaymentByHandRequest,
    PaymentDecision,
    PaymentOfOrder,
    PaymentRow,
    ProviderEvent,
    RefundOutcome,
    RefundState,
    SaleState,
)
from boxoffice.payments.reading import text_of
from boxoffice.ticket_types.errors import EventCancelled

MOST_PAYMENTS = 10
"""How many payments an order may have, so that nobody tries out stolen cards on it."""

FIRST_WAIT = timedelta(minutes=2)
"""How long we wait for a webhook before we ask the provider."""

_LONGEST_WAIT = timedelta(hours=12)
_LATEST_MONEY = timedelta(days=3)  # a payment page is open for a day at the most
_LEASE = timedelta(minutes=3)  # longer than the time-outs of the functions that ask and send

_REFUNDS_OF_ONE_SENDER = 500  # of one account, that are due at once

LONGEST_PROCESSING = timedelta(days=30)
"""How long money can be under way. An order is held for it so long at the most. No method that we know takes longer."""

TICKETS_GONE = PaymentDecision("returned", "the order was over and its tickets were gone")


def check_payable(order: OrderRow, now: datetime) -> None:
    """Check that a payment for the order can be started.

    Raises:
        OrderExpired: the order's hold has lapsed.
        OrderNotPending: the order is paid or was cancelled.
        NothingToPay: the order is free, and waits for its buyer to confirm it.
    """
    if order.status == "expired" or (order.status == "pending" and order.expires_at <= now):
        raise OrderExpired(expired_at=order.expires_at)
    if order.status != "pending":
        raise OrderNotPending(order_status=order.status)
    if order.total == 0:
        raise NothingToPay


def end_of_sale(sale: SaleState, now: datetime) -> DomainError | None:
    """Return why what an order is for is not for sale any more: the event or the organisation. None if it still is."""
    if sale.cancelled_event:
        return EventCancelled(event_id=sale.cancelled_event)
    if sale.ends_at <= now:
        return EventEnded.at(sale.ends_at)
    return None if sale.organisation_status == "approved" else SellerSuspended(organisation_id=sale.organisation_id)


def check_for_sale(sale: SaleState, now: datetime) -> None:
    """Check that what an order is for is still for sale.

    Raises:
        EventCancelled, EventEnded: one of its events is cancelled or over.
        SellerSuspended: its seller sells nothing now.
    """
    if error := end_of_sale(sale, now):
        raise error


def allows_late(sale: SaleState, now: datetime) -> bool:
    """Return True if the events of an order let payments start now that take days."""
    return sale.late_payments_until is not None and now < sale.late_payments_until


def open_payment(payments: Sequence[PaymentOfOrder], provider: str) -> PaymentOfOrder | None:
    """Return the open payment of an order at a provider. None if a new one can be started there.

    Args:
        payments: all payments of the order.

    Raises:
        PaymentProcessing: money for the order is under way.
        TooManyPayments: there is no open payment, and the order takes no more.
    """
    for payment in payments:
        if payment.status == "processing":
            raise PaymentProcessing(payment_id=payment.id)
    for payment in payments:
        if payment.is_open and payment.provider == provider:
            return payment
    if len(payments) >= MOST_PAYMENTS:
        raise TooManyPayments(max_payments=MOST_PAYMENTS)
    return None


def reason_by_hand(request: PaymentByHandRequest) -> str:
    """Return what the order's history says of a payment by hand."""
    method = request.method.replace("_", " ")
    return f"paid by {method}: {request.note}" if request.note else f"paid by {method}"


def decide_payment(
    event: ProviderEvent, payment: PaymentRow, order_status: OrderStatus, *, for_sale: bool = True
) -> PaymentDecision:
    """Decide what an event does to its payment and order. Money that it tells of must not be recorded yet.

    Events come in any order. A payment that has succeeded or was refunded keeps its status, whatever comes later. A
    payment that failed may still succeed.

    Args:
        for_sale: False if the order's event is cancelled or over, or if its organisation is suspended.
    """
    if event.kind == "processing":
        return PaymentDecision("held" if payment.status in ("pending", "failed") else "ignored")
    if event.kind != "succeeded":
        return PaymentDecision("failed" if payment.status in ("pending", "processing") else "ignored")
    reason = _reason_to_return(event, payment, order_status, for_sale=for_sale)
    return PaymentDecision("returned", reason) if reason else PaymentDecision("paid")


def _reason_to_return(
    event: ProviderEvent, payment: PaymentRow, order_status: OrderStatus, *, for_sale: bool
) -> str | None:
    """Return why money cannot pay its order. None if it can."""
    reasons = {
        "it was not the amount of the order": not pays_in_full(event, payment),
        "it had been paid already": payment.status in ("succeeded", "refunded"),
        "the order had been cancelled": order_status == "cancelled",
        "the order had been paid already": order_status not in ("pending", "expired"),
        "its event or its organisation does not sell tickets any more": not for_sale,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def pays_in_full(event: ProviderEvent, payment: PaymentRow) -> bool:
    """Return True if the event's amount, in the currency of the payment, is at least that of the payment."""
    return event.currency == payment.currency and event.amount >= payment.amount


def first_ask_at(expires_at: datetime, now: datetime) -> datetime:
    """Return when to ask first about a payment that starts now: at the end of the order's hold at the latest."""
    return max(now, min(now + FIRST_WAIT, expires_at))


def brought_no_money(answer: Sequence[ProviderEvent]) -> bool:
    """Return True if a provider that was asked to close a payment knows of no money, and of none under way.

    Args:
        answer: what it says has happened. Nothing means that the payment is still open.
    """
    return bool(answer) and all(event.kind in ("failed", "cancelled") for event in answer)


def should_close(payment: OpenPayment, now: datetime) -> bool:
    """Return True if nobody should pay the payment any more: its order is not pending, or the hold has lapsed."""
    return payment.order_status != "pending" or payment.expires_at <= now


def next_ask_at(payment: OpenPayment, now: datetime, *, closed: bool, answered: bool) -> datetime | None:
    """Return when to ask again: after growing waits, and when the hold ends. None if no money can come any more.

    Args:
        closed: True if a try to pay has failed, though money may still come for the payment.
        answered: True if the provider has answered this time. If not, we ask again soon, while the order waits for it.
    """
    age = now - payment.created_at
    if closed and age > _LATEST_MONEY:
        return None
    if not answered and now < payment.expires_at + GRACE_PERIOD:
        return now + timedelta(minutes=1)
    later = now + min(max(age / 2, FIRST_WAIT), _LONGEST_WAIT)
    return later if should_close(payment, now) else min(later, payment.expires_at)


def lease_end(now: datetime) -> datetime:
    """Return when the lease ends that a worker takes now on a payment or refund."""
    return now + _LEASE


def senders_for(due: int) -> int:
    """Return how many workers send the refunds of an account at once. Three keep the pace of any provider we know."""
    return min(1 + due // _REFUNDS_OF_ONE_SENDER, 3)


def next_attempt_at(attempts: int, now: datetime) -> datetime:
    """Return when to try a refund again, or ask about it: after 1, 2, 4 … minutes, and half a day at the most."""
    return now + min(timedelta(minutes=2 ** min(attempts - 1, 12)), _LONGEST_WAIT)


def outcome_of(refund: DueRefund, answer: RefundState | DomainError, now: datetime) -> RefundOutcome:
    """Return what to store after a provider was asked to make a refund, or how it stands.

    A refund that failed, or that the account had too little money for, is made anew later, without its reference. One
    that the provider refuses for good waits for a person. If the provider did not answer, the refund may be made or
    not, and is asked about again.
    If it had too many calls, nothing went wrong: the refund waits for another turn.

    Args:
        answer: the provider's answer, or the error instead of it.
    """
    again_at = next_attempt_at(refund.attempts, now)
    if isinstance(answer, ProviderBusy):
        again_at = now + timedelta(seconds=answer.retry_after)
        return RefundOutcome("sent" if refund.reference else "owed", again_at, refund.reference)
    if isinstance(answer, DomainError):
        return RefundOutcome("sent" if refund.reference else "owed", again_at, refund.reference, text_of(answer.detail))
    match answer.kind:
        case "succeeded":
            return RefundOutcome("succeeded", None, answer.reference)
        case "pending":
            return RefundOutcome("sent", again_at, answer.reference)
        case "by_hand":
            return RefundOutcome("by_hand", None, None, needs_person=True)
        case "failed" | "refused" | "unfunded":
            return RefundOutcome(
                status="owed" if answer.kind == "unfunded" else "failed",
                due_at=None if answer.kind == "refused" else again_at,
                reference=None,
                error=text_of(answer.reason) or "the provider gives no reason",
                code=text_of(answer.code) or None,
                new_failures=1,
                needs_person=True,
            )


def took_all_that_was_left(before: IncomingPayment, after: IncomingPayment) -> bool:
    """Return True if a reversal that was just booked took all that was left of the money, or all of it.

    If a refund of ours had taken the rest before, that refund has decided which tickets end.
    """
    return (before.left > after.left == 0) or after.refunded_elsewhere == after.amount


_WORDS = {
    "refund failed": (
        "{who} did not make a refund of {money} ({why}).",
        "Repair the cause and retry, or pay the buyer another way and mark it as done.",
    ),
    "refund tried again": (
        "{who} did not make a refund of {money} ({why}). Boxoffice tries again at {again_at}.",
        "If the account is empty, put money into it. You may also pay the buyer another way, and mark it as done.",
    ),
    "refund by hand": (
        "A refund of {money} is owed for an order that was paid without a provider that Boxoffice can call.",
        "Send the money to the buyer by hand, then mark it as done. The buyer is told then.",
    ),
    "refunded elsewhere": (
        "{money} of this order was refunded at {who}, not in Boxoffice ({reference}).",
        "Refund its tickets too, if they should end. Only what is left of the money is sent.",
    ),
    "dispute": (
        "The payer disputes {money} at {who} ({reference}, {why}).",
        "Answer the dispute at {who} in time. If it is lost, the order ends by itself.",
    ),
    "unknown payment": (
        "{money} came at {who} for an order that does not exist ({reference}).",
        "Find the order and assign the money to it, or send the money back by hand and mark it as done.",
    ),
    "too much back": (
        "{money} more went back at {who} than was left of the payment ({reference}, {why}).",
        "Compare the payment at {who} with the order. Claim back what went out twice.",
    ),
    "came again": (
        "{money} that had gone back is the seller's again ({reference} at {who}, {why}). It counts as refunded here.",
        "Send it to the buyer at {who}, or give them new tickets. Then mark it as done.",
    ),
    "missing here": (
        "{who} reports a {entry} of {money} that Boxoffice does not know ({reference}).",
        "Look it up at {who}, and let {who} send its webhook again. Else book it by hand, and mark it as done.",
    ),
    "missing there": (
        "Boxoffice has a {entry} of {money} that is not in the balance report of {who} ({reference}).",
        "Look it up at {who}, and ask {who} where the money is. If it comes late, the matter settles itself.",
    ),
    "other amount": (
        "{who} reports a {entry} of {money} ({reference}). Boxoffice has {booked}.",
        "Compare both, and correct the books or ask {who}. Then mark it as done.",
    ),
    "not understood": (
        "{who} has moved {money} of the platform's balance, and Boxoffice does not know why ({reference}, {type}).",
        "Look it up at {who}, and tell your bookkeeper. Then mark it as done.",
    ),
}
"""What happened in a money matter, and what to do."""


def describe(matter: MatterRow) -> tuple[str, str]:
    """Return what happened in a money matter, and what to do about it, each in words."""
    details = matter.details
    words = matter.kind.replace("_", " ")
    if matter.kind == "difference":
        words = "too much back" if details.get("amount_too_large") else "came again"
    elif details.get("again_at"):
        words = "refund tried again"
    elif matter.kind == "books_differ":
        words = str(details["difference"]).replace("_", " ").replace("other currency", "other amount")
    booked = details.get("booked"), details.get("booked_currency")
    facts = {
        "money": show(matter.amount, matter.currency) if matter.amount and matter.currency else "Money",
        "who": matter.provider.capitalize(),
        "reference": matter.reference or "without a name",
        "why": ": ".join(str(each) for each in map(details.get, ("code", "status", "reason")) if each) or "no reason",
        "entry": str(details.get("entry")),
        "type": str(details.get("type")),
        "booked": show(abs(booked[0]), booked[1]) if booked[0] and booked[1] else "nothing",
        "again_at": str(details.get("again_at"))[:16].replace("T", " ") + " UTC",
    }
    happened, to_do = _WORDS[words]
    return happened.format(**facts), to_do.format(**facts)


def actions_of(matter: MatterRow) -> list[MatterAction]:
    """Return how a money matter can be settled."""
    if matter.settled_at is not None:
        return []
    if matter.kind == "refund_failed":
        return ["retry", "done"]
    return ["assign", "done"] if matter.kind == "unknown_payment" else ["done"]
