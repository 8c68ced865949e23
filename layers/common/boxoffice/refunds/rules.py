"""Decide what a refund gives back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from boxoffice import money
from boxoffice.orders.models import OrderRow, OrderStatus
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.pricing.rules import share_of
from boxoffice.refunds.errors import FeeTooLarge, NothingToRefund, OrderNotRefundable
from boxoffice.refunds.models import PaidTicket, RefundPlan, RefundRequest
from boxoffice.tickets.errors import TicketNotInOrder, TicketRefunded, TicketUsed

LONGEST_PURCHASE = timedelta(minutes=10)
"""A purchase that began before its event was cancelled has ended after this time. In fact none takes nearly as long."""


def plan_refund(request: RefundRequest, order: OrderRow, tickets: Sequence[PaidTicket], refunded: int) -> RefundPlan:
    """Return what a refund request does.

    Args:
        tickets: all tickets of the order, valid or not.
        refunded: how much of the order was refunded before, in the minor unit.

    Raises:
        OrderNotRefundable: the order has not been paid.
        NothingToRefund: the whole order was refunded before.
        AmountOffStep: nobody could send the requested amount exactly.
        RefundTooLarge, FeeTooLarge: it is more than what is left, or than what was paid for the tickets.
        TicketNotInOrder, TicketRefunded: a requested ticket is not of this order, or was refunded before.
        TicketUsed: a ticket has been used at the door, and the request has no ``force``.
    """
    if order.status not in ("paid", "partially_refunded", "refunded"):
        raise OrderNotRefundable(order_status=order.status)
    left = order.total - refunded
    if order.status == "refunded" and (request.ends_tickets or not left):
        raise NothingToRefund
    money.check_step(request.amount or request.fee or 0, order.currency)
    if not request.ends_tickets:
        amount = request.amount or 0
        if amount > left:
            raise RefundTooLarge(refundable=left)
        return RefundPlan([], amount, "refunded" if order.status == "refunded" else "partially_refunded")
    valid = [ticket for ticket in tickets if ticket.status == "valid"]
    chosen = valid if request.ticket_ids is None else _requested(tickets, set(request.ticket_ids))
    if not request.force and (used := [ticket.id for ticket in chosen if ticket.entries]):
        raise TicketUsed(ticket_ids=used)
    return _keep(plan_ticket_refund(chosen, order, tickets, refunded), request)


def _keep(plan: RefundPlan, request: RefundRequest) -> RefundPlan:
    """Return a plan that sends back less, as the request says. The seller keeps the rest.

    Raises:
        RefundTooLarge, FeeTooLarge: the request names more than the plan sends back.
    """
    if request.fee is not None and request.fee > plan.amount:
        raise FeeTooLarge(refundable=plan.amount)
    amount = plan.amount - (request.fee or 0) if request.amount is None else request.amount
    if amount > plan.amount:
        raise RefundTooLarge(refundable=plan.amount)
    return replace(plan, amount=amount, kept=plan.amount - amount)


def plan_ticket_refund(
    chosen: Sequence[PaidTicket], order: OrderRow, tickets: Sequence[PaidTicket], refunded: int
) -> RefundPlan:
    """Return the plan that refunds some tickets, at what was paid for them, but never more than what is left.

    What the seller kept of other tickets stays kept, even with the last one.
    """
    step = money.step(order.currency)
    paid = sum(amount_paid(ticket, step) for ticket in chosen)
    are_last = len(chosen) == sum(ticket.status == "valid" for ticket in tickets)
    status: OrderStatus = "refunded" if are_last else "partially_refunded"
    return RefundPlan(list(chosen), min(order.total - refunded, paid), status)


def plan_end(valid: Sequence[PaidTicket], order: OrderRow, refunded: int, elsewhere: int) -> RefundPlan:
    """Return the plan that ends all valid tickets of an order, since its money went back without us.

    Args:
        refunded: how much of the order was refunded before.
        elsewhere: how much went back elsewhere, and is in no refund yet.
    """
    return RefundPlan(list(valid), min(order.total - refunded, elsewhere), "refunded", sends=False)


def _requested(tickets: Sequence[PaidTicket], ids: set[UUID]) -> list[PaidTicket]:
    """Return the tickets with these ids.

    Raises:
        TicketNotInOrder, TicketRefunded: a ticket is not of this order, or was refunded before.
    """
    requested = [ticket for ticket in tickets if ticket.id in ids]
    if unknown := ids - {ticket.id for ticket in requested}:
        raise TicketNotInOrder(ticket_ids=sorted(unknown))
    if refunded := [ticket.id for ticket in requested if ticket.status != "valid"]:
        raise TicketRefunded(ticket_ids=refunded)
    return requested


def amount_paid(ticket: PaidTicket, step: int) -> int:
    """Return what was paid for a ticket, in the minor unit: its share of the charge of its item.

    The amounts of all tickets of an order add up to the order's total.

    Args:
        step: the price step of the order's currency.
    """
    return share_of(ticket, ticket.quantity, *ticket.units, step).total


def quantity_by_pool(tickets: Sequence[PaidTicket]) -> dict[UUID, int]:
    """Return how much these tickets give back to each pool."""
    quantities: Counter[UUID] = Counter()
    for ticket in tickets:
        for pool_id in ticket.pool_ids:
            quantities[pool_id] += ticket.group_size
    return quantities
