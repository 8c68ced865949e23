"""What is given back, and how much."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from boxoffice.orders.models import OrderRow
from boxoffice.payments.errors import RefundTooLarge
from boxoffice.refunds.errors import NothingToRefund, OrderNotRefundable, TicketNotInOrder
from boxoffice.refunds.models import PaidTicket, Plan, RefundRequest
from boxoffice.tickets.errors import TicketRefunded

IN_FLIGHT = timedelta(minutes=10)
"""How long after an event was cancelled a purchase that had begun before may still write: far longer than any does."""


def plan_of(request: RefundRequest, order: OrderRow, tickets: Sequence[PaidTicket], returned: int) -> Plan:
    """What a request gives back.

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
        return Plan([], request.amount, "partially_refunded")
    valid = [ticket for ticket in tickets if ticket.status == "valid"]
    chosen = valid if request.ticket_ids is None else _named(tickets, set(request.ticket_ids))
    return plan_for(chosen, order, tickets, returned)


def plan_for(chosen: Sequence[PaidTicket], order: OrderRow, tickets: Sequence[PaidTicket], returned: int) -> Plan:
    """Give back these tickets, for what was paid for them but never more than is left. The last takes all that is."""
    left = order.total - returned
    if len(chosen) == sum(ticket.status == "valid" for ticket in tickets):
        return Plan(list(chosen), left, "refunded")
    paid = paid_for(tickets, order.discount)
    return Plan(list(chosen), min(left, sum(paid[ticket.id] for ticket in chosen)), "partially_refunded")


def _named(tickets: Sequence[PaidTicket], ids: set[UUID]) -> list[PaidTicket]:
    named = [ticket for ticket in tickets if ticket.id in ids]
    if unknown := ids - {ticket.id for ticket in named}:
        raise TicketNotInOrder(ticket_ids=sorted(unknown))
    if refunded := [ticket.id for ticket in named if ticket.status != "valid"]:
        raise TicketRefunded(ticket_ids=refunded)
    return named


def paid_for(tickets: Sequence[PaidTicket], discount: int) -> dict[UUID, int]:
    """What was paid for each ticket of an order, in the minor unit; together it is the order's total.

    A discount is spread over the tickets that the voucher is for, by their prices. Each boundary between two tickets
    is rounded down, so that none is more than a minor unit off. Should the voucher have been edited so that it is worth
    less than the discount it gave, all tickets bear it.
    """
    bearing = [ticket for ticket in tickets if ticket.discounted]
    if sum(ticket.price for ticket in bearing) < discount:
        bearing = list(tickets)
    whole = sum(ticket.price for ticket in bearing)
    paid = {ticket.id: ticket.price for ticket in tickets}
    begin = 0
    for ticket in bearing if whole else ():
        end = begin + ticket.price
        paid[ticket.id] = end * (whole - discount) // whole - begin * (whole - discount) // whole
        begin = end
    return paid


def quantities_of(tickets: Sequence[PaidTicket]) -> dict[UUID, int]:
    """How much of which pool these tickets give back."""
    quantities: Counter[UUID] = Counter()
    for ticket in tickets:
        for pool_id in ticket.pool_ids:
            quantities[pool_id] += ticket.admits
    return quantities
