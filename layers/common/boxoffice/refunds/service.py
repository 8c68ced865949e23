"""Use cases of what goes back: a refund that a manager makes, and an event that is called off.

An order is `refunded` once none of its tickets is valid, and all that was paid has been given back by then. Until that
it is `partially_refunded`, though all the money may be back. What it still holds of its stock are its draws.

Of an event that was cancelled, each order is dealt with in a transaction of its own. What is left to do is what the
orders themselves say, so that it does not matter who does it, how often, or where somebody was interrupted.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from boxoffice import audit, db, idempotency, outbox, sql
from boxoffice.auth import Caller
from boxoffice.events import service as events
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.orders import service as orders
from boxoffice.orders.models import OrderRow
from boxoffice.payments import sending
from boxoffice.refunds import rules
from boxoffice.refunds.models import CancelledEvent, PaidTicket, RefundPlan, RefundRequest, RefundView, OrderToGiveBack
from boxoffice.tickets import service as tickets
from boxoffice.tickets.errors import TicketUsed
from boxoffice.tickets.models import EndedTicket

SQL = sql.queries("refunds")

_BATCH = 1000  # to find the next batch costs a look at all orders that were settled before


def refund_order(conn: db.Connection, caller: Caller, order_id: UUID, request: RefundRequest, key: str) -> RefundView:
    """Give back all that is left of an order, some tickets, or some money; several times, if need be.

    Runs in autocommit: the refund is owed in one transaction, and sent after it.

    Raises:
        NotFound, Forbidden: the order is not of the caller's organisation, or the role is too low.
        OrderNotRefundable, NothingToRefund, RefundTooLarge: there is nothing, or not so much.
        TicketNotInOrder, TicketRefunded, TicketUsed: a ticket is not there to be refunded.
        KeyReused: the idempotency key belongs to another request.
    """
    found = orders.find_managed(conn, caller, order_id)
    idempotent = IdempotentRequest.of("refund_order", str(found.id), key, request)
    return idempotency.run_once(
        conn, idempotent, lambda: _refund(conn, caller, found.id, request, idempotent), RefundView.model_validate
    )


def _refund(
    conn: db.Connection, caller: Caller, order_id: UUID, request: RefundRequest, idempotent: IdempotentRequest
) -> RefundView:
    with conn.transaction():
        order = orders.lock_order(conn, order_id)
        bought, returned = _bought(conn, order)
        plan = rules.plan_refund(request, order, bought, returned)
        view = _view(order, plan)
        ended, refund_id = _give_back(conn, order, plan, view.id, request.reason, caller.account, force=request.force)
        if refund_id is not None:
            conn.after_commit(sending.send_at_once, refund_id)
        outbox.owe_email(conn, "order_refunded", order.buyer_email, {"order_refund_id": str(view.id)})
        for ticket in ended:
            if ticket.holder_email is not None:
                outbox.owe_email(conn, "ticket_withdrawn", ticket.holder_email, {"ticket_id": str(ticket.id)})
        answer = view.model_dump(mode="json")
        idempotency.store(conn, idempotent, answer)
        facts = request.model_dump(mode="json", exclude_defaults=True) | answer
        _record(conn, caller, order, facts)
    return view


def _bought(conn: db.Connection, order: OrderRow) -> tuple[list[PaidTicket], int]:
    """What an order has bought, and how much money of it was given back before."""
    bought = db.many(conn, PaidTicket, SQL.list_tickets, order_id=order.id)
    return bought, db.value(conn, SQL.get_returned, order_id=order.id)


def _view(order: OrderRow, plan: RefundPlan) -> RefundView:
    return RefundView(
        id=new_id(),
        order_id=order.id,
        order_status=plan.status,
        amount=plan.amount,
        currency=order.currency,
        ticket_ids=[ticket.id for ticket in plan.tickets],
    )


def _give_back(
    conn: db.Connection,
    order: OrderRow,
    plan: RefundPlan,
    order_refund_id: UUID,
    reason: str | None,
    actor: UUID | None,
    *,
    force: bool,
) -> tuple[list[EndedTicket], UUID | None]:
    """Do what a plan says of an order that the transaction has locked.

    Returns:
        The tickets that ended, and the refund that is owed; None if no money goes back.

    Raises:
        TicketUsed: one of them has admitted its holder, and it is not forced.
    """
    ended = _end_tickets(conn, order, plan, force=force) if plan.tickets else []
    refund_id = None
    if plan.amount:
        payment_id = db.value(conn, SQL.get_payment, order_id=order.id)
        refund_id = sending.owe_refund(conn, payment_id, plan.amount, reason or "refunded by the seller")
    ticket_ids = [ticket.id for ticket in plan.tickets]
    money = {"amount": plan.amount, "refund_id": refund_id}
    by = {"reason": reason, "actor_id": actor}
    db.run(conn, SQL.insert_order_refund, id=order_refund_id, order_id=order.id, ticket_ids=ticket_ids, **money, **by)
    facts = {"refund_id": str(order_refund_id), "refunded": plan.amount, "ticket_ids": list(map(str, ticket_ids))}
    orders.set_status(conn, order, plan.status, reason=reason or "refunded", actor=actor, **facts)
    return ended, refund_id


def _end_tickets(conn: db.Connection, order: OrderRow, plan: RefundPlan, *, force: bool) -> list[EndedTicket]:
    """Take tickets back, and their stock and seats before, as the order of locks has it."""
    ids = [ticket.id for ticket in plan.tickets]
    orders.give_back_stock(conn, order, None if plan.status == "refunded" else rules.quantities_of(plan.tickets), ids)
    ended = tickets.end(conn, ids, force=force)
    if len(ended) < len(ids):
        raise TicketUsed(ticket_ids=sorted(set(ids) - {ticket.id for ticket in ended}))
    return ended


def list_cancelled_events(conn: db.Connection, left: Collection[UUID] = ()) -> list[CancelledEvent]:
    """The cancelled events whose books are open: they may still have something to give back.

    Args:
        left: events to leave out.
    """
    return db.many(conn, CancelledEvent, SQL.list_cancelled_events, left=list(left))


def list_orders_to_give_back(conn: db.Connection, left: Collection[UUID] = ()) -> list[OrderToGiveBack]:
    """Orders that still hold something of a cancelled event: a batch of the event that was cancelled first.

    Args:
        left: orders to leave out.
    """
    for event in list_cancelled_events(conn):
        if orders_left := _orders_to_give_back(conn, event, left, _BATCH):
            return orders_left
    return []


def _orders_to_give_back(conn: db.Connection, event: CancelledEvent, left: Collection[UUID], batch: int) -> list[OrderToGiveBack]:
    rows = db.many(conn, dict, SQL.list_orders_to_give_back, event_id=event.id, left=list(left), batch=batch)
    return [OrderToGiveBack(row["id"], event) for row in rows]


def give_back_order(conn: db.Connection, unsettled: OrderToGiveBack) -> bool:
    """Give back what an order has of a cancelled event.

    A pending order is cancelled as a whole. A paid one is refunded for these tickets, used or not, and an email is owed
    to everybody concerned. An order that somebody else has locked is left for the next time. Return True if there was
    anything to do.
    """
    event = unsettled.event
    order = orders.take_order(conn, unsettled.id)
    if order is None:
        return False
    if order.status == "pending":
        orders.cancel(conn, order, reason="the event was cancelled", actor=event.cancelled_by)
        return True
    bought, returned = _bought(conn, order)
    theirs = [ticket for ticket in bought if ticket.event_id == event.id and ticket.status == "valid"]
    if order.status not in ("paid", "partially_refunded") or not theirs:
        return False
    plan, order_refund_id = rules.plan_ticket_refund(theirs, order, bought, returned), new_id()
    reason = "the event was cancelled"
    ended, _ = _give_back(conn, order, plan, order_refund_id, reason, event.cancelled_by, force=True)
    _tell_of_cancellation(conn, event, order, order_refund_id, ended)
    return True


def _tell_of_cancellation(
    conn: db.Connection, event: CancelledEvent, order: OrderRow, order_refund_id: UUID, ended: Sequence[EndedTicket]
) -> None:
    """Write to the buyer, of each order, and once to each person who has tickets from others."""
    payload = {"event_id": str(event.id)}
    outbox.owe_email(conn, "event_cancelled", order.buyer_email, payload | {"order_refund_id": str(order_refund_id)})
    holders = {ticket.holder_email for ticket in ended if ticket.holder_email} - {order.buyer_email}
    for holder in sorted(holders):  # in one order: two transactions may write to the same people
        name = UUID(bytes=sha256(f"event_cancelled {event.id} {holder}".encode()).digest()[:16])
        outbox.owe_email(conn, "event_cancelled", holder, payload, message_id=name)


def finish_cancellation(conn: db.Connection, event: CancelledEvent) -> bool:
    """Close the books of a cancelled event. Return True if nothing is left of it, and nothing can come any more."""
    if _orders_to_give_back(conn, event, (), batch=1):
        return False
    return events.finish_cancellation(conn, event.id, datetime.now(UTC) - rules.LONGEST_PURCHASE)


def _record(conn: db.Connection, caller: Caller, order: OrderRow, facts: dict[str, object]) -> None:
    subject = f"order {order.id}"
    audit.record(conn, "refund_order", subject, actor=caller.account, organisation=order.organisation_id, **facts)
