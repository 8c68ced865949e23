"""Use cases of tickets."""

from collections.abc import Sequence
from uuid import UUID

from boxoffice import db, signing, sql
from boxoffice.auth import Caller, Who, is_guest_token, require_holder
from boxoffice.config import settings
from boxoffice.ids import new_id, shown_order_number
from boxoffice.pagination import decode_id, page_of
from boxoffice.tickets import qr, rules
from boxoffice.tickets.errors import KeyRetired, NothingToPrint, TicketRefunded, TicketTransferred
from boxoffice.tickets.models import (
    EndedTicket,
    HeldTicket,
    OrderToPrint,
    PrintedTicket,
    Printout,
    SignedTicket,
    Standing,
    TicketPage,
    TicketRow,
    TicketView,
    Unit,
)

SQL = sql.queries("tickets")

_LAST = UUID(int=(1 << 128) - 1)


def issue(conn: db.Connection, order_id: UUID) -> None:
    """Issue the tickets of an order, one for each unit or group bought, in the transaction that pays it."""
    units = db.many(conn, Unit, SQL.list_units, order_id=order_id)
    current, master = signing.current_key(settings().ticket_keys_secret)
    key_id = int(current)
    ids = sorted(new_id() for _ in units)
    texts = [
        qr.text_of(master, key_id, 0, unit.organisation_id, ticket_id)
        for unit, ticket_id in zip(units, ids, strict=True)
    ]
    db.run(
        conn,
        SQL.insert_tickets,
        ids=ids,
        order_ids=[unit.order_id for unit in units],
        item_nos=[unit.item_no for unit in units],
        positions=[unit.position for unit in units],
        organisation_ids=[unit.organisation_id for unit in units],
        event_ids=[unit.event_id for unit in units],
        ticket_type_ids=[unit.ticket_type_id for unit in units],
        account_ids=[unit.account_id for unit in units],
        holder_names=[unit.holder_name for unit in units],
        max_entries=[unit.max_entries for unit in units],
        group_size=[unit.group_size for unit in units],
        seats=[unit.seat for unit in units],
        key_ids=[key_id for _ in units],
        qr_hashes=[qr.hash_of(text) for text in texts],
    )


def get_ticket(conn: db.Connection, caller: Caller, ticket_id: UUID) -> TicketView:
    """A ticket, for its holder, its buyer and managers.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    ticket = db.get(conn, TicketRow, SQL.get_ticket, id=ticket_id)
    standing = require_sight(conn, caller, ticket)
    return TicketView.model_validate(rules.for_buyer(ticket) if standing is Standing.FORMER else ticket)


def view_of(conn: db.Connection, ticket_id: UUID) -> TicketView:
    """A ticket that is known to exist, as its holder sees it."""
    return TicketView.model_validate(db.one(conn, TicketRow, SQL.get_ticket, id=ticket_id))


def require_sight(conn: db.Connection, caller: Caller, ticket: TicketRow | SignedTicket | HeldTicket) -> Standing:
    """Let through a ticket's holder, its buyer, and managers of the organisation that sells.

    Raises:
        NotFound: the caller is none of them.
        Forbidden: the caller belongs to the organisation, in a lower role.
    """
    if ticket.account_id is not None and ticket.account_id == caller.account_id:
        return Standing.HOLDER
    if ticket.transfer_count > 0 and is_guest_token(caller.guest_token, "ticket", ticket.id, ticket.transfer_count):
        return Standing.HOLDER
    acts_as = require_holder(conn, caller, "order", ticket.order_id, ticket.organisation_id, ticket.buyer_id)
    if acts_as is Who.MANAGER:
        return Standing.MANAGER
    return Standing.FORMER if ticket.transfer_count > 0 else Standing.HOLDER


def get_qr(conn: db.Connection, caller: Caller, ticket_id: UUID) -> str:
    """The text of a ticket's QR, for its holder and managers.

    Raises:
        NotFound: there is none, or the caller may not see it.
        TicketTransferred: the caller bought it, but it is somebody else's by now.
        TicketRefunded: it admits nobody any more.
        KeyRetired: nor does this one.
    """
    ticket = db.get(conn, SignedTicket, SQL.get_signed_ticket, id=ticket_id)
    if require_sight(conn, caller, ticket) is Standing.FORMER:
        raise TicketTransferred
    if ticket.status == "refunded":
        raise TicketRefunded(ticket_ids=[ticket.id])
    return _print(ticket).qr


def list_my_tickets(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> TicketPage:
    """The tickets of the caller's account, newest first."""
    before = decode_id(cursor) or _LAST
    rows = db.page(conn, TicketRow, SQL.list_tickets_of_account, account_id=caller.account, before=before, limit=limit)
    items, next_cursor = page_of(rows, limit, lambda row: (row.id,))
    return TicketPage(items=[TicketView.model_validate(row) for row in items], next_cursor=next_cursor)


def list_for_order(conn: db.Connection, order_id: UUID) -> list[PrintedTicket]:
    """An order's tickets with their QR texts, as its emails print them.

    Raises:
        KeyRetired: one of them was signed with a key that has been withdrawn.
    """
    return [_print(ticket) for ticket in db.many(conn, SignedTicket, SQL.list_signed_tickets, order_id=order_id)]


def print_order(conn: db.Connection, caller: Caller, order_id: UUID, part: int) -> Printout:
    """A part of an order's tickets, of those that are valid and still the buyer's.

    Raises:
        NotFound: there is no such order, or it is not the caller's; or it has no such part.
        OrderNotPaid: it is not paid.
        NothingToPrint: it has no such tickets.
        KeyRetired: one of them was signed with a key that has been withdrawn.
    """
    order = db.get(conn, OrderToPrint, SQL.get_order_to_print, id=order_id)
    require_holder(conn, caller, "order", order.id, order.organisation_id, order.account_id)
    first = (part - 1) * rules.MOST_PAGES
    rules.check_printable(order, first)
    rows = db.many(
        conn,
        SignedTicket,
        SQL.list_tickets_to_print,
        order_id=order_id,
        limit=rules.MOST_PAGES,
        offset=first,
    )
    if not rows:  # they have ended since they were counted
        raise NothingToPrint
    return Printout(shown_order_number(order.number), first, order.tickets, [_print(ticket) for ticket in rows])


def print_ticket(conn: db.Connection, ticket_id: UUID) -> PrintedTicket:
    """A ticket that is known to exist, with the text of its QR.

    Raises:
        KeyRetired: it was signed with a key that has been withdrawn.
    """
    return _print(db.exactly_one(conn, SignedTicket, SQL.get_signed_ticket, id=ticket_id))


def _print(ticket: SignedTicket) -> PrintedTicket:
    master = signing.key(settings().ticket_keys_secret, str(ticket.key_id))
    if master is None:
        raise KeyRetired
    text = qr.text_of(master, ticket.key_id, ticket.transfer_count, ticket.organisation_id, ticket.id)
    return PrintedTicket(**vars(ticket), qr=text)


def end(conn: db.Connection, ticket_ids: Sequence[UUID], *, force: bool) -> list[EndedTicket]:
    """End tickets whose order the transaction has locked, so that they admit nobody any more.

    Args:
        force: end those, too, that have admitted their holders. Without it, they are left as they are.
    """
    return db.many(conn, EndedTicket, SQL.lock_and_end_tickets, ids=list(ticket_ids), force=force)
