"""Use cases of refunds: refund an order, and give back the orders of cancelled events.

An order is `refunded` once none of its tickets is valid. By then all that was paid has been refunded too, but for what
the seller keeps. Until then it is `partially_refunded`, even if all the money has been refunded. Its draws are the
stock that it still has.

The orders of a cancelled event are given back one by one, each in a transaction of its own. The state of the orders
says what is left to do, so a job may stop anywhere, run twice at once, or start late.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, idempotency, outbox, sql
from boxoffice.auth import Caller
from boxoffice.events import service as events
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import derived_id, new_id
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRow
from boxoffice.payments import books, sending
from boxoffice.refunds import rules
from boxoffice.refunds.models import (
    CancelledEvent,
    OrderToGiveBack,
    PaidTicket,
    RefundPlan,
    RefundPreview,
    RefundRequest,
    RefundView,
)
from boxoffice.tickets import service as tickets
from boxoffice.tickets.errors import TicketUsed
from boxoffice.tickets.models import EndedTicket

SQL = sql.queries("refunds")

_BATCH = 1000  # large, since each batch reads past all orders that were given back before

_EVENT_CANCELLED = "the event was cancelled"


def preview_refund(conn: db.Connection, caller: Caller, order_id: UUID, request: RefundRequest) -> RefundPreview:
    """Return what a refund would do, if nothing changes before it. Nothing is locked or written.

    Raises:
        what `refund_order` raises but for KeyReused.
    """
    order = orders.find_managed(conn, caller, order_id)
    plan = rules.plan_refund(request, order, *read_bought(conn, order))
    return RefundPreview(**_facts(conn, order, plan))


def refund_order(conn: db.Connection, caller: Caller, order_id: UUID, request: RefundRequest, key: str) -> RefundView:
    """Refund an order as a whole, some of its tickets, or an amount. An order can be refunded several times.

    Tickets end for what was paid for them, for less or for nothing. Runs in autocommit: one transaction owes the
    refund, and it is sent after the commit.

    Raises:
        NotFound, Forbidden: the order is not of the caller's organisation, or the role is too low.
        OrderNotRefundable, NothingToRefund: the order was not paid, or the whole order was refunded before.
        AmountOffStep, RefundTooLarge, FeeTooLarge: nobody could send the amount exactly, or it is too much.
        TicketNotInOrder, TicketRefunded, TicketUsed: a ticket cannot be refunded.
        KeyReused: the idempotency key belongs to another request.
    """
    order = orders.find_managed(conn, caller, order_id)
    scope = idempotency.scope_of(caller, order.organisation_id)
    idempotent = IdempotentRequest.of("refund_order", scope, key, request, order_id)
    return idempotency.run_once(
        conn, idempotent, lambda: _refund(conn, caller, order_id, request, idempotent), RefundView.model_validate
    )


def _refund(
    conn: db.Connection, caller: Caller, order_id: UUID, request: RefundRequest, idempotent: IdempotentRequest
) -> RefundView:
    with conn.transaction():
        order = orders.lock_order(conn, order_id)
        bought, refunded = read_bought(conn, order)
        plan = rules.plan_refund(request, order, bought, refunded)
        view = RefundView(id=new_id(), **_facts(conn, order, plan))
        ended, refund_id = carry_out(conn, order, plan, view.id, request.reason, caller.actor, force=request.force)
        if refund_id is not None:
            conn.after_commit(sending.send_at_once, refund_id)
        outbox.owe_email(conn, "order_refunded", order.buyer_email, {"order_refund_id": str(view.id)})
        owe_withdrawals(conn, ended)
        answer = view.model_dump(mode="json")
        idempotency.store(conn, idempotent, answer)
        status = audit.changes({"status": order.status}, {"status": plan.status})
        facts = request.model_dump(mode="json", exclude_defaults=True) | answer | status
        orders.record(conn, caller, "refund_order", order, **facts)
    return view


def read_bought(conn: db.Connection, order: OrderRow) -> tuple[list[PaidTicket], int]:
    """Return all tickets of an order, and how much of it was refunded before, in the minor unit."""
    bought = db.many(conn, PaidTicket, SQL.list_tickets, order_id=order.id)
    return bought, db.value(conn, SQL.get_refunded_amount, order_id=order.id)


def _facts(conn: db.Connection, order: OrderRow, plan: RefundPlan) -> dict[str, Any]:
    """Return what the answer says of a plan."""
    return {
        "order_id": order.id,
        "order_status": plan.status,
        "amount": plan.amount,
        "kept": plan.kept,
        "platform_fee_returned": books.fee_returned_by(
            conn, order.id, plan.amount, [(ticket.item_no, *ticket.units) for ticket in plan.tickets]
        ),
        "currency": order.currency,
        "ticket_ids": [ticket.id for ticket in plan.tickets],
    }


def carry_out(
    conn: db.Connection,
    order: OrderRow,
    plan: RefundPlan,
    order_refund_id: UUID,
    reason: str | None,
    actor: UUID | None,
    *,
    force: bool,
) -> tuple[list[EndedTicket], UUID | None]:
    """Carry out a plan: end tickets, give back their stock, owe the refund, and set the state of the order.

    The transaction has locked the order.

    Returns:
        The tickets that ended, and the id of the refund that is owed. None if the plan's amount is 0.

    Raises:
        TicketUsed: a ticket has been used at the door, and ``force`` is not set.
    """
    ended = _end_tickets(conn, order, plan, force=force) if plan.tickets else []
    refund_id = None
    if plan.amount:
        payment_id = db.value(conn, SQL.get_payment, order_id=order.id)
        why = reason or "refunded by the seller"
        refund_id = sending.owe_refund(conn, payment_id, plan.amount, why, sends=plan.sends)
    ticket_ids = [ticket.id for ticket in plan.tickets]
    db.run(
        conn,
        SQL.insert_order_refund,
        id=order_refund_id,
        order_id=order.id,
        ticket_ids=ticket_ids,
        amount=plan.amount,
        kept=plan.kept,
        refund_id=refund_id,
        reason=reason,
        actor_id=actor,
    )
    if refund_id is not None:
        books.post(conn, books.lock(conn, refund_id))
    money = {"refunded": plan.amount, "kept": plan.kept}
    facts = {"refund_id": str(order_refund_id), **money, "ticket_ids": list(map(str, ticket_ids))}
    orders.set_status(conn, order, plan.status, reason=reason or "refunded", actor=actor, **facts)
    return ended, refund_id


def _end_tickets(conn: db.Connection, order: OrderRow, plan: RefundPlan, *, force: bool) -> list[EndedTicket]:
    """Give back the stock and seats of tickets, then end the tickets: this is the order of locks.

    Raises:
        TicketUsed: a ticket has been used at the door, and ``force`` is not set.
    """
    ids = [ticket.id for ticket in plan.tickets]
    quantities = None if plan.status == "refunded" else rules.quantity_by_pool(plan.tickets)
    orders.give_back_stock(conn, order, quantities, ids)
    ended = tickets.end(conn, ids, force=force)
    if len(ended) < len(ids):
        raise TicketUsed(ticket_ids=sorted(set(ids) - {ticket.id for ticket in ended}))
    return ended


def owe_withdrawals(conn: db.Connection, ended: Sequence[EndedTicket]) -> None:
    """Owe an email to the holder of each ticket that ended, if it had passed from the buyer to somebody else."""
    for ticket in ended:
        if ticket.holder_email is not None:
            outbox.owe_email(conn, "ticket_withdrawn", ticket.holder_email, {"ticket_id": str(ticket.id)})


def list_cancelled_events(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[CancelledEvent]:
    """Return the cancelled events whose orders may not all be given back.

    Args:
        leave_out: events to leave out.
    """
    return db.many(conn, CancelledEvent, SQL.list_cancelled_events, leave_out=list(leave_out))


def list_orders_to_give_back(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[OrderToGiveBack]:
    """Return a batch of the orders that still have stock or valid tickets of the event that was cancelled first.

    Args:
        leave_out: orders to leave out.
    """
    for event in list_cancelled_events(conn):
        if batch := _orders_to_give_back(conn, event, leave_out, _BATCH):
            return batch
    return []


def _orders_to_give_back(
    conn: db.Connection, event: CancelledEvent, leave_out: Collection[UUID], batch: int
) -> list[OrderToGiveBack]:
    rows = db.many(conn, dict, SQL.list_orders_to_give_back, event_id=event.id, leave_out=list(leave_out), batch=batch)
    return [OrderToGiveBack(row["id"], event) for row in rows]


def give_back_order(conn: db.Connection, order_to_give_back: OrderToGiveBack) -> bool:
    """Give back what an order has of a cancelled event, and owe emails to its buyer and holders.

    A pending order is cancelled as a whole. Its buyer is told only if money is under way. A paid order is refunded for
    its tickets of this event, used or not. An order that somebody else has locked has to wait for the next run.

    Returns:
        True if the order changed.
    """
    event = order_to_give_back.event
    order = orders.take_order(conn, order_to_give_back.id)
    if order is None:
        return False
    if order.status == "pending":
        if orders.find_processing_payment(conn, order.id):  # the buyer was told to wait for the tickets
            outbox.owe_email(conn, "event_cancelled", order.buyer_email, {"event_id": str(event.id)})
        orders.cancel(conn, order, reason=_EVENT_CANCELLED, actor=event.cancelled_by)
        return True
    bought, refunded = read_bought(conn, order)
    chosen = [ticket for ticket in bought if ticket.event_id == event.id and ticket.status == "valid"]
    if order.status not in ("paid", "partially_refunded") or not chosen:
        return False
    plan, order_refund_id = rules.plan_ticket_refund(chosen, order, bought, refunded), new_id()
    ended, _ = carry_out(conn, order, plan, order_refund_id, _EVENT_CANCELLED, event.cancelled_by, force=True)
    _owe_cancellation_emails(conn, event, order, order_refund_id, ended)
    return True


def _owe_cancellation_emails(
    conn: db.Connection, event: CancelledEvent, order: OrderRow, order_refund_id: UUID, ended: Sequence[EndedTicket]
) -> None:
    """Owe an email to the buyer for each order, and one for the whole event to each holder who is not the buyer."""
    payload = {"event_id": str(event.id)}
    outbox.owe_email(conn, "event_cancelled", order.buyer_email, payload | {"order_refund_id": str(order_refund_id)})
    holders = {ticket.holder_email for ticket in ended if ticket.holder_email} - {order.buyer_email}
    for holder in sorted(holders):  # two transactions may write to the same holders: the same order avoids deadlocks
        message_id = derived_id("event_cancelled", event.id, holder)
        outbox.owe_email(conn, "event_cancelled", holder, payload, message_id=message_id)


def finish_cancelled_event(conn: db.Connection, event: CancelledEvent) -> bool:
    """Finish a cancelled event if all its orders are given back, and no purchase from before can still be running.

    Returns:
        True if the event is finished.
    """
    if _orders_to_give_back(conn, event, (), batch=1):
        return False
    return events.finish_cancellation(conn, event.id, datetime.now(UTC) - rules.LONGEST_PURCHASE)
