"""Use cases of orders."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import db, idempotency, outbox, sql
from boxoffice.auth import Caller, order_token
from boxoffice.config import settings
from boxoffice.idempotency import Once
from boxoffice.ids import new_id, new_order_number
from boxoffice.orders import rules
from boxoffice.orders.models import (
    BuyerView,
    Offer,
    OrderItemView,
    OrderLine,
    OrderRequest,
    OrderRow,
    OrderSummary,
    PlacedOrder,
)
from boxoffice.stock import service as stock
from boxoffice.stock.models import Draw
from boxoffice.stock.rules import home_row
from boxoffice.tickets import service as tickets

SQL = sql.queries("orders")


def place_order(conn: db.Connection, caller: Caller, request: OrderRequest, key: str) -> PlacedOrder:
    """Hold stock and open an order; a free one is paid at once.

    Runs in autocommit: two statements in the common case, with locks held during the second alone. Attempts that need
    more are transactions of their own, since each must let go of its locks before the next.

    Raises:
        SoldOut: a pool had too little left, at a moment during the call.
        TicketTypeNotFound, NotOnSale, QuantityNotAllowed, MixedOrder: the order cannot be had like this.
        KeyReused: the idempotency key belongs to another request.
    """
    once = idempotency.once("create_order", str(caller.account_id or request.buyer.email), key, request)
    answer = idempotency.perform(conn, once, lambda: _place(conn, caller.account_id, request, once))
    return PlacedOrder(**answer, access_token=order_token(UUID(answer["id"])))


def _place(conn: db.Connection, account_id: UUID | None, request: OrderRequest, once: Once) -> dict[str, Any]:
    now = datetime.now(UTC)
    wanted = rules.quantities_of(request.items)
    offers = db.many(conn, Offer, SQL.list_offers, ticket_type_ids=list(wanted))
    lines = rules.lines_of(offers, wanted, now)
    order = _draft(account_id, request, lines, now)
    draws = [line.draw(home_row(conn.info.backend_pid, line.offer.pool_rows)) for line in lines]
    answer = _answer(order, lines)
    for number, attempt in enumerate(stock.attempts(conn, draws)):
        if _attempt(conn, order, lines, attempt, idempotency.params(once, answer), gather=number > 0):
            break
    return answer


def _attempt(
    conn: db.Connection,
    order: OrderRow,
    lines: Sequence[OrderLine],
    draws: Sequence[Draw],
    key: dict[str, Any],
    *,
    gather: bool,
) -> bool:
    """Try to place the order; whether it was. One statement, unless stock must be gathered or the order is free."""
    if order.total > 0 and not gather:
        return _write(conn, order, lines, draws, key)
    with conn.transaction():
        found = stock.gather(conn, draws) if gather else draws
        if found is None or not _write(conn, order, lines, found, key):
            raise psycopg.Rollback
        if order.total == 0:
            pay(conn, order, reason="nothing to pay")
        return True
    return False


def _write(
    conn: db.Connection, order: OrderRow, lines: Sequence[OrderLine], draws: Sequence[Draw], key: dict[str, Any]
) -> bool:
    return bool(
        db.value(
            conn,
            SQL.place_order,
            ticket_type_ids=[line.offer.ticket_type_id for line in lines],
            event_ids=[line.offer.event_id for line in lines],
            quantities=[line.quantity for line in lines],
            unit_prices=[line.offer.unit_price for line in lines],
            pool_ids=[draw.pool_id for draw in draws],
            homes=[draw.home for draw in draws],
            **vars(order),
            **key,
        )
    )


def _draft(account_id: UUID | None, request: OrderRequest, lines: Sequence[OrderLine], now: datetime) -> OrderRow:
    offer = lines[0].offer
    return OrderRow(
        id=new_id(),
        number=new_order_number(),
        organisation_id=offer.organisation_id,
        account_id=account_id,
        status="pending",
        buyer_name=request.buyer.name,
        buyer_email=request.buyer.email,
        buyer_phone=request.buyer.phone,
        currency=offer.currency,
        total=rules.total_of(lines),
        expires_at=now + settings().hold,
        created_at=now,
    )


def _answer(order: OrderRow, lines: Sequence[OrderLine]) -> dict[str, Any]:
    """What the order's buyer is answered, as stored for repeats: without the token, which is not to be stored."""
    summary = OrderSummary.model_validate(order)
    if order.total == 0:
        summary.status = "paid"
    items = [
        OrderItemView(**vars(line.offer), quantity=line.quantity).model_dump(mode="json")
        for line in lines
    ]
    return {**summary.model_dump(mode="json"), "items": items}


def pay(conn: db.Connection, order: OrderRow, *, reason: str, actor: UUID | None = None) -> None:
    """Turn a pending order, which the transaction holds, into a paid one: its stock is sold, its tickets are issued, and
    the confirmation is owed."""
    db.run(conn, SQL.lock_and_sell_stock, id=order.id)
    db.run(conn, SQL.set_status, id=order.id, from_status="pending", to_status="paid", reason=reason, actor_id=actor)
    tickets.issue(conn, order.id)
    outbox.owe_email(conn, "order_confirmation", order.buyer_email, {"order_id": str(order.id)})
