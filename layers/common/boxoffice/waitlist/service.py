"""Wait for what is sold out, and offer to those who wait what is free again.

Stock that is freed is offered in the transaction that frees it: its rows stay locked until then, so nobody else can buy
it before those who wait. What could not be offered like that, since it lay in several rows or others held them, is
offered by the job of every minute; so long it is for sale to everybody, and so is what is too little for all who wait.

Entries are locked before stock. A transaction that holds stock already never waits for anything here (decision 13).
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from boxoffice import audit, db, outbox, sql
from boxoffice.auth import Caller, Who, is_guest_token, require_holder, require_role
from boxoffice.errors import Busy, NotFound
from boxoffice.ids import new_id
from boxoffice.pagination import decode_id, page_of
from boxoffice.seats import service as seats
from boxoffice.seats.models import SeatRequest
from boxoffice.stock import service as stock
from boxoffice.stock.models import Draw, Taken
from boxoffice.waitlist import rules
from boxoffice.waitlist.errors import NoOffer, OfferTooSmall, StillAvailable
from boxoffice.waitlist.models import (
    ALL_STATUSES,
    EntryRow,
    EntryStatus,
    NextEntry,
    Sale,
    WaitlistEntryView,
    WaitlistPage,
    WaitlistRequest,
)

SQL = sql.queries("waitlist")

_FIRST = UUID(int=0)
_BATCH = 1000
_MOST_OFFERS = 1000  # of a ticket type in one transaction


def join(conn: db.Connection, caller: Caller, ticket_type_id: UUID, request: WaitlistRequest) -> None:
    """Wait for a quantity of a ticket type. Who waits for it already keeps the entry they have.

    Nothing is answered: what tells a new entry from an old one, and lets its holder leave, goes to the email address.

    Raises:
        NotFound: the public cannot buy such a ticket type.
        WaitlistClosed, QuantityNotAllowed: so many cannot be waited for.
        StillAvailable: there are as many.
    """
    sale = db.get(conn, Sale, SQL.get_sale, id=ticket_type_id)
    rules.check_joinable(sale, request.quantity, datetime.now(UTC))
    if not stock.list_short(conn, rules.plan_draws(sale.pool_ids, request.quantity)):
        raise StillAvailable
    entry_id = new_id()
    is_new = db.run(
        conn,
        SQL.insert_entry,
        id=entry_id,
        organisation_id=sale.organisation_id,
        event_id=sale.event_id,
        ticket_type_id=ticket_type_id,
        account_id=caller.account_id,
        **request.model_dump(),
    )
    if is_new:
        _owe_email(conn, "waitlist_joined", request.email, entry_id)


def list_entries(
    conn: db.Connection, caller: Caller, event_id: UUID, status: EntryStatus | None, limit: int, cursor: str | None
) -> WaitlistPage:
    """The waitlist of an event, in order of joining.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    organisation_id = db.value(conn, SQL.get_organisation, event_id=event_id)
    if organisation_id is None:
        raise NotFound
    require_role(conn, caller, organisation_id)
    statuses = [status] if status else list(ALL_STATUSES)
    after = decode_id(cursor) or _FIRST
    rows = db.page(conn, EntryRow, SQL.list_entries, event_id=event_id, statuses=statuses, after=after, limit=limit)
    page, next_cursor = page_of(rows, limit, lambda row: (row.id,))
    return WaitlistPage(items=[WaitlistEntryView.model_validate(row) for row in page], next_cursor=next_cursor)


def leave(conn: db.Connection, caller: Caller, entry_id: UUID) -> None:
    """Wait no longer. What was offered goes to the next. To leave again changes nothing.

    Raises:
        NotFound: there is no such entry, or it is not the caller's.
    """
    entry = db.get(conn, EntryRow, SQL.lock_entry, id=entry_id)
    acts_as = require_holder(conn, caller, "waitlist entry", entry.id, entry.organisation_id, entry.account_id)
    if entry.status in ("waiting", "offered"):
        _end(conn, entry, "left")
        if acts_as is Who.MANAGER:
            subject = f"waitlist entry {entry.id}"
            audit.record(conn, "leave_waitlist", subject, actor=caller.account, organisation=entry.organisation_id)


def accept(
    conn: db.Connection, ticket_type_id: UUID, quantity: int, email: str, token: str
) -> tuple[UUID, list[Taken]]:
    """Let somebody have what is offered to them, or part of it.

    The stock is available again, in rows that stay locked by the transaction: it goes on to take it from there.

    Returns:
        The entry, which owns the seats that were offered, and the row of each pool that has the stock.

    Raises:
        NoOffer: nothing is offered to them (any more).
        OfferTooSmall: they want more than that.
    """
    now = datetime.now(UTC)
    entry = db.one(conn, EntryRow, SQL.lock_offer, ticket_type_id=ticket_type_id, email=email, now=now)
    if entry is None or not is_guest_token(token, "waitlist entry", entry.id):
        raise NoOffer
    if quantity > entry.quantity:
        raise OfferTooSmall(offered=entry.quantity)
    assert entry.draws is not None
    freed = stock.release(conn, entry.draws)
    db.run(conn, SQL.set_status, id=entry.id, status="accepted")
    return entry.id, freed


def offer_freed(conn: db.Connection, order_ids: Sequence[UUID]) -> int:
    """Offer what orders have just given back, in the transaction that released it; how many offers were made."""
    return _offer_all(conn, db.many(conn, dict, SQL.list_awaited_of_orders, order_ids=list(order_ids)))


def offer_added(conn: db.Connection, event_id: UUID) -> int:
    """Offer what an event has just got more of, in the transaction that added it; how many offers were made."""
    return _offer_all(conn, db.many(conn, dict, SQL.list_awaited_of_event, event_id=event_id))


def list_awaited(conn: db.Connection, left: Collection[UUID] = ()) -> list[UUID]:
    """The ticket types that anybody waits for.

    Args:
        left: ticket types to leave out.
    """
    return [row["id"] for row in db.many(conn, dict, SQL.list_awaited) if row["id"] not in left]


def offer_next(conn: db.Connection, ticket_type_id: UUID, *, wait: bool = True) -> bool:
    """Offer what is free of a ticket type to whoever joined first, of those it is enough for; whether that was anybody.

    Args:
        wait: whether to wait for stock that others have locked; never if the transaction holds any.
    """
    now = datetime.now(UTC)
    with conn.transaction():
        entry = db.one(conn, NextEntry, SQL.claim_next, ticket_type_id=ticket_type_id, now=now)
        if entry is None or not _hold(conn, entry, now, wait=wait):
            raise psycopg.Rollback
        _owe_email(conn, "waitlist_offer", entry.email, entry.id)
        return True
    return False


def list_lapsed(conn: db.Connection, left: Collection[UUID] = ()) -> list[UUID]:
    """A batch of entries whose offer has lapsed, the first to lapse first.

    Args:
        left: entries to leave out.
    """
    rows = db.many(conn, dict, SQL.list_lapsed, now=datetime.now(UTC), left=list(left), batch=_BATCH)
    return [row["id"] for row in rows]


def lapse(conn: db.Connection, entry_id: UUID) -> bool:
    """End an offer that has lapsed, and offer its stock to the next.

    Returns:
        True if it was ended; False if somebody has accepted it, or is about to.
    """
    entry = db.one(conn, EntryRow, SQL.take_lapsed, id=entry_id, now=datetime.now(UTC))
    if entry is None:
        return False
    _owe_email(conn, "waitlist_lapsed", entry.email, entry.id)
    _end(conn, entry, "lapsed")
    return True


def let_offers_lapse(conn: db.Connection, event_id: UUID) -> None:
    """Let what is offered of an event that is called off lapse at once; the job of every minute ends it."""
    db.run(conn, SQL.claim_offers_to_lapse, event_id=event_id)


def close_over(conn: db.Connection, ticket_type_ids: Sequence[UUID]) -> int:
    """End a batch of entries of who waits for one of these ticket types whose event is off or over; how many."""
    wanted = {"ticket_type_ids": list(ticket_type_ids), "now": datetime.now(UTC), "batch": _BATCH}
    return db.run(conn, SQL.claim_and_close_waiting, **wanted)


def _end(conn: db.Connection, entry: EntryRow, status: EntryStatus) -> None:
    """End an entry that the transaction has locked, and give what it holds to the next."""
    db.run(conn, SQL.set_status, id=entry.id, status=status)
    if entry.status == "offered":
        assert entry.draws is not None
        stock.release(conn, entry.draws)
        seats.release(conn, [entry.id])
        offer_added(conn, entry.event_id)


def _offer_all(conn: db.Connection, awaited: Iterable[dict[str, UUID]]) -> int:
    return sum(_offer(conn, ticket_type["id"]) for ticket_type in awaited)


def _offer(conn: db.Connection, ticket_type_id: UUID) -> int:
    """Offer what is free of a ticket type to one after the other; how many offers were made.

    The transaction frees stock, and others wait for it. What is more than so many offers, the job offers.
    """
    for made in range(_MOST_OFFERS):
        if not offer_next(conn, ticket_type_id, wait=False):
            return made
    return _MOST_OFFERS


def _hold(conn: db.Connection, entry: NextEntry, now: datetime, *, wait: bool) -> bool:
    """Hold stock, and seats, for an entry; whether there was enough."""
    draws = rules.plan_draws(entry.pool_ids, entry.quantity)
    if not _take(conn, entry, draws, now):
        consolidated = stock.consolidate(conn, draws) if wait else None
        if consolidated is None or not _take(conn, entry, consolidated, now):
            return False
    return not entry.seated or _take_seats(conn, entry, wait=wait)


def _take_seats(conn: db.Connection, entry: NextEntry, *, wait: bool) -> bool:
    """Hold the best seats for an entry, together if possible; whether they could be had."""
    request = SeatRequest(entry.ticket_type_id, entry.quantity, seat_ids=(), together=False)
    try:
        seats.take(conn, entry.id, [request], wait=wait)
    except Busy:
        return False
    return True


def _take(conn: db.Connection, entry: NextEntry, draws: Sequence[Draw], now: datetime) -> bool:
    with conn.transaction():
        held = stock.take(conn, draws)
        if held is None:
            raise psycopg.Rollback  # lets go of what it found in one pool, before it waits for another
        until = rules.offer_until(now, entry.on_sale_until)
        db.run(conn, SQL.set_offered, id=entry.id, draws=held, expires_at=until)
        return True
    return False


def _owe_email(conn: db.Connection, template: str, recipient: str, entry_id: UUID) -> None:
    outbox.owe_email(conn, template, recipient, {"entry_id": str(entry_id)})
