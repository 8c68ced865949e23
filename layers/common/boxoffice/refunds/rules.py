"""What is given back, and how much."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from boxoffice.orders.models import OrderRow
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.pricing.rules import share_of
from boxoffice.refunds.errors import NothingToRefund, OrderNotRefundable, TicketNotInOrder
from boxoffice.refunds.models import PaidTicket, RefundPlan, RefundRequest
from boxoffice.tickets.errors import TicketRefunded

LONGEST_PURCHASE = timedelta(minutes=10)
"""How long after an event was cancelled a purchase that had begun before may still write: far longer than any does."""


def plan_refund(request: RefundRequest, order: OrderRow, tickets: Sequence[PaidTicket], returned: int) -> RefundPlan:
    """Return what a request gives back.

    Args:
        tickets: all that the order has bought.
        returned: how much was given back before, in the minor unit.

    Raises:
        OrderNotRefundable, NothingToRefund: there is nothing, or nothing left.
        RefundTooLarge: so much is not left.
        TicketNotInOrder, TicketRefunded: a ticket is not there to be refunded.
    """
    if order.status == "refunded":
        raise NothingToRefund
    if order.status not in ("paid", "partially_refunded"):
        raise OrderNotRefundable(order_status=order.status)
    if request.amount is not None:
        if request.amount > order.total - returned:
            raise RefundTooLarge(refundable=order.total - returned)
        return RefundPlan([], request.amount, "partially_refunded")
    valid = [ticket for ticket in tickets if ticket.status == "valid"]
    chosen = valid if request.ticket_ids is None else _named(tickets, set(request.ticket_ids))
    return plan_ticket_refund(chosen, order, tickets, returned)


def plan_ticket_refund(chosen: Sequence[PaidTicket], order: OrderRow, tickets: Sequence[PaidTicket], returned: int) -> RefundPlan:
    """Return the plan that gives back these tickets, at what was paid for them, but never more than is left.

    The last ticket takes all that is left.
    """
    left = order.total - returned
    if len(chosen) == sum(ticket.status == "valid" for ticket in tickets):
        return RefundPlan(list(chosen), left, "refunded")
    return RefundPlan(list(chosen), min(left, sum(map(amount_paid, chosen))), "partially_refunded")


def _named(tickets: Sequence[PaidTicket], ids: set[UUID]) -> list[PaidTicket]:
    named = [ticket for ticket in tickets if ticket.id in ids]
    if unknown := ids - {ticket.id for ticket in named}:
        raise TicketNotInOrder(ticket_ids=sorted(unknown))
    if refunded := [ticket.id for ticket in named if ticket.status != "valid"]:
        raise TicketRefunded(ticket_ids=refunded)
    return named


def amount_paid(ticket: PaidTicket) -> int:
    """Return what was paid for a ticket, in the minor unit: its share of the charge of its item.

    The paid amounts of all tickets of an order add up to the order's total.
    """
    end = ticket.position * ticket.group_size
    return share_of(ticket, ticket.quantity, end - ticket.group_size, end).total


def quantities_of(tickets: Sequence[PaidTicket]) -> dict[UUID, int]:
    """Return how much of which pool these tickets give back."""
    quantities: Counter[UUID] = Counter()
    for ticket in tickets:
        for pool_id in ticket.pool_ids:
            quantities[pool_id] += ticket.group_size
    return quantities
