"""Let people wait for tickets that are sold out, and offer them the stock that becomes free.

The transaction that frees stock also offers it. Its rows stay locked until then, so nobody else can buy it before. That
leaves out stock that other transactions have locked, and what would take more rounds than a transaction may last. A job
offers that within a minute. Until the job runs, it is on public sale. So is a remainder too small for every entry.

Entries are locked before stock. A transaction that holds stock already never waits for a lock here (decision 13).
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from boxoffice import audit, db, erased, outbox, sql
from boxoffice.auth import Caller, Who, require_holder, require_own, require_role
from boxoffice.errors import Busy, NotFound
from boxoffice.guest_tokens import is_guest_token
from boxoffice.ids import new_id
from boxoffice.pagination import FIRST_ID, decode_id, page_of
from boxoffice.seats import service as seats
from boxoffice.seats.models import SeatRequest
from boxoffice.stock import service as stock
from boxoffice.stock.models import TakenDraw
from boxoffice.waitlist import rules
from boxoffice.waitlist.errors import NoOffer, OfferTooSmall, StillAvailable
from boxoffice.waitlist.models import (
    ALL_STATUSES,
    EntryStatus,
    NextEntry,
    WaitlistEntry,
    WaitlistEntryView,
    WaitlistPage,
    WaitlistRequest,
    WaitlistTerms,
)

SQL = sql.queries("waitlist")

_BATCH = 1000
_AT_ONCE = 25  # offers in one round; of seats, one
_MOST_ROUNDS = 200  # in a transaction that frees stock. Other buyers wait for its locks


def join(conn: db.Connection, caller: Caller, ticket_type_id: UUID, request: WaitlistRequest) -> None:
    """Put a person on the waitlist of a ticket type. An email address that is on it already keeps its entry.

    The answer is the same in both cases. An email tells the address of a new entry, with a link to leave.

    Raises:
        NotFound: the public cannot buy such a ticket type.
        SellerSuspended, WaitlistClosed, QuantityNotAllowed: nobody can wait for so many of it now.
        StillAvailable: so many are available.
    """
    terms = db.get(conn, WaitlistTerms, SQL.get_terms, id=ticket_type_id)
    require_own(caller, terms.organisation_id)
    rules.check_joinable(terms, request.quantity, datetime.now(UTC))
    if not stock.list_short_pools(conn, rules.plan_draws(terms.pool_ids, request.quantity)):
        raise StillAvailable
    entry_id = new_id()
    is_new = db.run(
        conn,
        SQL.insert_entry,
        id=entry_id,
        organisation_id=terms.organisation_id,
        event_id=terms.event_id,
        ticket_type_id=ticket_type_id,
        account_id=caller.account_id,
        name=request.name,
        email=request.email,
        quantity=request.quantity,
    )
    if is_new:
        _owe_email(conn, "waitlist_joined", request.email, entry_id)


def list_entries(
    conn: db.Connection, caller: Caller, event_id: UUID, status: EntryStatus | None, limit: int, cursor: str | None
) -> WaitlistPage:
    """Return a page of the waitlist of an event, in order of joining.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    organisation_id = db.value(conn, SQL.get_organisation, event_id=event_id)
    if organisation_id is None:
        raise NotFound
    require_role(conn, caller, organisation_id)
    statuses = [status] if status else list(ALL_STATUSES)
    after = decode_id(cursor) or FIRST_ID
    rows = db.page(
        conn, WaitlistEntry, SQL.list_entries, event_id=event_id, statuses=statuses, after=after, limit=limit
    )
    page, next_cursor = page_of(rows, limit, lambda row: (row.id,))
    return WaitlistPage(items=[WaitlistEntryView.model_validate(row) for row in page], next_cursor=next_cursor)


def leave(conn: db.Connection, caller: Caller, entry_id: UUID) -> None:
    """Take a person off the waitlist. Their offer goes to the next entry. To leave again changes nothing.

    Raises:
        NotFound: there is no such entry, or it is not the caller's.
    """
    entry = db.get(conn, WaitlistEntry, SQL.lock_entry, id=entry_id)
    acts_as = require_holder(conn, caller, "waitlist entry", entry.id, entry.organisation_id, entry.account_id)
    if entry.status in ("waiting", "offered"):
        _end_entry(conn, entry, "left")
        if acts_as is Who.MANAGER:
            subject = f"waitlist entry {entry.id}"
            audit.record(conn, caller, "leave_waitlist", subject, organisation=entry.organisation_id)


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


def list_awaited(conn: db.Connection, left: Collection[UUID] = ()) -> list[UUID]:
    """Return the ids of the ticket types that have waiting entries.

    Args:
        left: ticket types to leave out.
    """
    return [row["id"] for row in db.many(conn, dict, SQL.list_awaited) if row["id"] not in left]


def make_offers(conn: db.Connection, ticket_type_id: UUID, *, wait: bool = True) -> int:
    """Offer available stock of a ticket type, one round: each time to the earliest entry whose quantity is available.

    Args:
        wait: True to wait for stock that others have locked. A transaction that holds stock already never waits.

    Returns:
        How many entries got an offer. If none did, there is nothing to offer, or others have locked it.
    """
    now = datetime.now(UTC)
    with conn.transaction():
        waiting = db.many(conn, NextEntry, SQL.take_next_entries, ticket_type_id=ticket_type_id, now=now, most=_AT_ONCE)
        if not (entries := _hold_stock(conn, rules.next_in_line(waiting), now, wait=wait)):
            raise psycopg.Rollback
        outbox.owe_emails(conn, "waitlist_offer", [(entry.email, _payload(entry.id)) for entry in entries])
        return len(entries)
    return 0


def list_lapsed(conn: db.Connection, left: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of the entries whose offer has lapsed, in the order of lapsing.

    Args:
        left: entries to leave out.
    """
    rows = db.many(conn, dict, SQL.list_lapsed, now=datetime.now(UTC), left=list(left), batch=_BATCH)
    return [row["id"] for row in rows]


def end_lapsed_offer(conn: db.Connection, entry_id: UUID) -> bool:
    """End an offer that has lapsed, and offer its stock to the next entry.

    Returns:
        True if the offer ended here. False if its holder accepted it, or is about to.
    """
    entry = db.one(conn, WaitlistEntry, SQL.take_lapsed, id=entry_id, now=datetime.now(UTC))
    if entry is None:
        return False
    _owe_email(conn, "waitlist_lapsed", entry.email, entry.id)
    _end_entry(conn, entry, "lapsed")
    return True


def expire_offers(conn: db.Connection, event_id: UUID) -> None:
    """Let all open offers of a cancelled event lapse now. The next run of the job ends them."""
    db.run(conn, SQL.take_and_expire_offers, event_id=event_id)


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
        _end_entry(conn, entry, "left")


def erase_entries(conn: db.Connection, entry_ids: Sequence[UUID]) -> int:
    """Erase who waited, where an entry has ended. Return the number of entries."""
    return db.run(conn, SQL.erase_entries, ids=list(entry_ids), **erased.PARAMS)


def _end_entry(conn: db.Connection, entry: WaitlistEntry, status: EntryStatus) -> None:
    """End an entry that the transaction has locked. Offer the stock that it holds to the next entry."""
    db.run(conn, SQL.set_status, id=entry.id, status=status)
    if entry.status == "offered":
        assert entry.draws is not None
        stock.release(conn, entry.draws)
        seats.release(conn, [entry.id])
        offer_stock_of_event(conn, entry.event_id)


def _offer_all(conn: db.Connection, ticket_types: Sequence[dict[str, UUID]]) -> None:
    """Make offers of each ticket type, until nothing is left to offer.

    The transaction holds stock, and others wait for it. So its rounds are limited, and the job makes the other offers.
    """
    left = [ticket_type["id"] for ticket_type in ticket_types]
    for _ in range(_MOST_ROUNDS):
        if left and not make_offers(conn, left[0], wait=False):
            left.pop(0)


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
    rows = [(entry.id, draw) for entry, own in zip(entries, draws, strict=True) for draw in own]
    db.run(
        conn,
        SQL.set_offered,
        entry_ids=[entry_id for entry_id, _ in rows],
        pool_ids=[draw.pool_id for _, draw in rows],
        row_nos=[draw.row_no for _, draw in rows],
        quantities=[draw.quantity for _, draw in rows],
        expires_at=rules.offer_until(now, entries[0].on_sale_until),
    )


def _take_seats(conn: db.Connection, entry: NextEntry, *, wait: bool) -> bool:
    """Give an entry the best seats, next to each other if possible. Return False if others have locked them."""
    request = SeatRequest(entry.ticket_type_id, entry.quantity, seat_ids=(), together=False)
    try:
        seats.take(conn, entry.id, [request], wait=wait)
    except Busy:
        return False
    return True


def _owe_email(conn: db.Connection, template: str, recipient: str, entry_id: UUID) -> None:
    outbox.owe_email(conn, template, recipient, _payload(entry_id))


def _payload(entry_id: UUID) -> dict[str, str]:
    """Return what the emails about an entry need."""
    return {"entry_id": str(entry_id)}
