"""Offer the stock that becomes free to the people who wait for it. `joining` lets them in.

The transaction that frees stock also offers it. Its rows stay locked until then, so nobody else can buy it before. That
leaves out stock that other transactions have locked, and what would take more rounds than a transaction may last. A job
offers that within a minute. Until the job runs, it is on public sale. So is a remainder too small for every entry.

Entries are locked before stock. A transaction that holds stock already never waits for a lock here (decision 13). Nor
does it wait for a mailbox, whose open offers are limited. If others make offers to it now, the job comes back to it.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Literal
from uuid import UUID

import psycopg

from boxoffice import db, erased, outbox, sql
from boxoffice.errors import Busy
from boxoffice.guest_tokens import is_guest_token
from boxoffice.seats import service as seats
from boxoffice.seats.models import SeatRequest
from boxoffice.stock import service as stock
from boxoffice.stock.models import TakenDraw
from boxoffice.waitlist import rules
from boxoffice.waitlist.errors import NoOffer, OfferTooSmall
from boxoffice.waitlist.rows import NextEntry, OpenOffers, WaitlistEntry

SQL = sql.queries("waitlist")

_BATCH = 1000
_AT_ONCE = 25  # offers in one round; of seats, one
_MOST_ROUNDS, _MOST_SECONDS = 200, 2  # in a transaction that frees stock. Other buyers wait for its locks


def accept_offer(
    conn: db.Connection, ticket_type_id: UUID, quantity: int, email: str, token: str
) -> tuple[UUID, list[TakenDraw]]:
    """End an offer, so that an order can take all of it, or a part.

    The stock of the offer is available again. Its rows stay locked, so that the transaction can take it from there.

    Returns:
        The entry, which still owns the seats of the offer, and its draws, which name the rows of the stock.

    Raises:
        NoOffer: the waitlist has no open offer for this email address and token.
        OfferTooSmall: the quantity is more than the offer.
    """
    now = datetime.now(UTC)
    entry = db.one(conn, WaitlistEntry, SQL.lock_offer, ticket_type_id=ticket_type_id, email=email, now=now)
    if entry is None or not is_guest_token(token, "waitlist entry", entry.id):
        raise NoOffer
    if quantity > entry.quantity:
        raise OfferTooSmall(offered=entry.quantity)
    assert entry.draws is not None
    draws = stock.release(conn, entry.draws)
    db.run(conn, SQL.set_status, id=entry.id, status="accepted")
    return entry.id, draws


def offer_stock_of_orders(conn: db.Connection, order_ids: Sequence[UUID]) -> None:
    """Offer the stock that orders have given back, in the transaction that released it."""
    _offer_all(conn, db.many(conn, dict, SQL.list_awaited_of_orders, order_ids=list(order_ids)))


def offer_stock_of_event(conn: db.Connection, event_id: UUID) -> None:
    """Offer the stock that was added to an event or given back to it, in the same transaction."""
    _offer_all(conn, db.many(conn, dict, SQL.list_awaited_of_event, event_id=event_id))


def list_awaited(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return the ids of the ticket types that have waiting entries.

    Args:
        leave_out: ticket types to leave out.
    """
    return [each for each in db.values(conn, SQL.list_awaited) if each not in leave_out]


def make_offers(conn: db.Connection, ticket_type_id: UUID, *, wait: bool = True) -> int:
    """Offer available stock of a ticket type, one round: each time to the earliest entry whose quantity is available.

    Nobody is offered what they may not buy. Such an entry keeps its place, and others are served before it.

    Args:
        wait: True to wait for stock that others have locked. A transaction that holds stock already never waits.

    Returns:
        How many entries got an offer. If none did, there is nothing to offer, or others have locked it.
    """
    now = datetime.now(UTC)
    with conn.transaction():
        if not (entries := _hold_stock(conn, _take_next(conn, ticket_type_id, now), now, wait=wait)):
            raise psycopg.Rollback
        outbox.owe_emails(conn, "waitlist_offer", [(entry.email, _payload(entry.id)) for entry in entries])
        webhooks = [(entry.organisation_id, _webhook_data(entry)) for entry in entries]
        outbox.owe_webhooks(conn, "waitlist.offered", webhooks)
        return len(entries)
    return 0


def list_lapsed(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of the entries whose offer has lapsed, in the order of lapsing, or that nobody can buy any more.

    Args:
        leave_out: entries to leave out.
    """
    return db.values(conn, SQL.list_lapsed, now=datetime.now(UTC), leave_out=list(leave_out), batch=_BATCH)


def end_lapsed_offer(conn: db.Connection, entry_id: UUID) -> bool:
    """End an offer that has lapsed, and offer its stock to the next entry.

    Returns:
        True if the offer ended here. False if its holder accepted it, or is about to.
    """
    entry = db.one(conn, WaitlistEntry, SQL.take_lapsed, id=entry_id, now=datetime.now(UTC))
    if entry is None:
        return False
    outbox.owe_email(conn, "waitlist_lapsed", entry.email, _payload(entry.id))
    end_locked_entry(conn, entry, "lapsed")
    return True


def close_waiting(conn: db.Connection, ticket_type_ids: Sequence[UUID]) -> int:
    """Close a batch of waiting entries of these ticket types, where the event is over or cancelled.

    Returns:
        How many entries were closed.
    """
    return db.run(
        conn,
        SQL.take_and_close_waiting,
        ticket_type_ids=list(ticket_type_ids),
        now=datetime.now(UTC),
        batch=_BATCH,
    )


def end_entry(conn: db.Connection, entry_id: UUID) -> None:
    """Take a person off the waitlist, if they are on it still. Their offer goes to the next entry."""
    entry = db.get(conn, WaitlistEntry, SQL.lock_entry, id=entry_id)
    if entry.status in ("waiting", "offered"):
        end_locked_entry(conn, entry, "left")


def erase_entries(conn: db.Connection, entry_ids: Sequence[UUID]) -> int:
    """Erase who waited, where an entry has ended. Return the number of entries."""
    return db.run(conn, SQL.erase_entries, ids=list(entry_ids), **erased.PARAMS)


def end_locked_entry(conn: db.Connection, entry: WaitlistEntry, status: Literal["lapsed", "left"]) -> None:
    """End an entry that the transaction has locked. Offer the stock that it holds to the next entry."""
    db.run(conn, SQL.set_status, id=entry.id, status=status)
    kind: outbox.WebhookType = "waitlist.lapsed" if status == "lapsed" else "waitlist.left"
    outbox.owe_webhook(conn, entry.organisation_id, kind, _webhook_data(entry))
    if entry.status == "offered":
        assert entry.draws is not None
        stock.release(conn, entry.draws)
        seats.release(conn, [entry.id])
        offer_stock_of_event(conn, entry.event_id)


def _offer_all(conn: db.Connection, ticket_types: Sequence[dict[str, UUID]]) -> None:
    """Make offers of each ticket type, until nothing is left to offer.

    The transaction holds stock, and others wait for it. So its rounds and its time are limited, and the job makes the
    other offers.
    """
    left, end = [ticket_type["id"] for ticket_type in ticket_types], monotonic() + _MOST_SECONDS
    for _ in range(_MOST_ROUNDS):
        if left and monotonic() < end and not make_offers(conn, left[0], wait=False):
            left.pop(0)


def _take_next(conn: db.Connection, ticket_type_id: UUID, now: datetime) -> list[NextEntry]:
    """Lock the entries that get the next offers of a ticket type, and return them.

    The statement that takes them locks their mailboxes too. Only then it is certain how many open offers each has.
    """
    params = {"ticket_type_id": ticket_type_id, "now": now, "most": _AT_ONCE, "most_offers": rules.MOST_OFFERS}
    taken = db.many(conn, NextEntry, SQL.take_next_entries, **params)
    waiting = [entry for entry in taken if entry.has_mailbox]
    if not waiting:
        return []
    mailboxes = [entry.mailbox for entry in waiting]
    open_offers = db.many(conn, OpenOffers, SQL.list_open_offers, mailboxes=mailboxes, ticket_type_id=ticket_type_id)
    return rules.next_in_line(waiting, open_offers)


def _hold_stock(conn: db.Connection, entries: Sequence[NextEntry], now: datetime, *, wait: bool) -> Sequence[NextEntry]:
    """Hold stock, and seats, for entries from the first on. Return those that have an offer then."""
    if not entries:
        return []
    pool_ids, quantities = sorted(entries[0].pool_ids), [entry.quantity for entry in entries]
    draws = stock.hold_each(conn, pool_ids, quantities, wait=False)
    if not draws and wait:
        draws = stock.hold_each(conn, pool_ids, quantities, wait=True)
    offered = entries[: len(draws)]
    _set_offered(conn, offered, draws, now)
    if offered and offered[0].seated and not _take_seats(conn, offered[0], wait=wait):
        return []
    return offered


def _set_offered(
    conn: db.Connection, entries: Sequence[NextEntry], draws: Sequence[Sequence[TakenDraw]], now: datetime
) -> None:
    """Note the offers of entries, each with its draws."""
    if not entries:
        return
    terms = entries[0]
    lifetime = timedelta(minutes=terms.offer_minutes)
    rows = [(entry.id, draw) for entry, own in zip(entries, draws, strict=True) for draw in own]
    db.run(
        conn,
        SQL.set_offered,
        entry_ids=[entry_id for entry_id, _ in rows],
        pool_ids=[draw.pool_id for _, draw in rows],
        row_nos=[draw.row_no for _, draw in rows],
        quantities=[draw.quantity for _, draw in rows],
        expires_at=rules.offer_until(now, lifetime, terms.time_zone, terms.on_sale_until),
    )


def _take_seats(conn: db.Connection, entry: NextEntry, *, wait: bool) -> bool:
    """Give an entry the best seats, next to each other if possible. Return False if others have locked them."""
    request = SeatRequest(entry.ticket_type_id, entry.quantity, seat_ids=(), together=False)
    try:
        seats.take(conn, entry.id, [request], wait=wait)
    except Busy:
        return False
    return True


def _webhook_data(entry: NextEntry | WaitlistEntry) -> dict[str, Any]:
    """Return what a webhook says of an entry. It names nobody."""
    data = {"entry_id": entry.id, "event_id": entry.event_id, "ticket_type_id": entry.ticket_type_id}
    return data | {"quantity": entry.quantity}


def _payload(entry_id: UUID) -> dict[str, str]:
    """Return what the emails about an entry need."""
    return {"entry_id": str(entry_id)}
