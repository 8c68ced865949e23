"""Use cases of tickets. Those of transfers are in `transfers`."""

from collections.abc import Sequence
from uuid import UUID

from boxoffice import db, signing, sql
from boxoffice.auth import Caller, Who, require_holder, require_own
from boxoffice.config import settings
from boxoffice.guest_tokens import is_guest_token
from boxoffice.ids import new_id, shown_order_number
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.tickets import qr, rules
from boxoffice.tickets.errors import KeyRetired, NothingToPrint, TicketRefunded, TicketTransferred
from boxoffice.tickets.models import (
    EndedTicket,
    LockedTicket,
    OrderToPrint,
    PrintedTicket,
    Printout,
    SignedTicket,
    TicketPage,
    TicketRow,
    TicketToIssue,
    TicketView,
    Viewer,
)

SQL = sql.queries("tickets")


def issue(conn: db.Connection, order_id: UUID) -> bool:
    """Issue the tickets of an order, in the transaction that pays it.

    Returns:
        True if they have holders or answers that the order has named. They are the tickets' now.
    """
    tickets = db.many(conn, TicketToIssue, SQL.list_tickets_to_issue, order_id=order_id)
    current_key, master = signing.current_key(settings().ticket_keys_secret)
    key_id = int(current_key)
    ids = sorted(new_id() for _ in tickets)
    texts = [
        qr.text_of(master, key_id, 0, ticket.organisation_id, ticket_id)
        for ticket, ticket_id in zip(tickets, ids, strict=True)
    ]
    db.run(
        conn,
        SQL.insert_tickets,
        ids=ids,
        order_ids=[ticket.order_id for ticket in tickets],
        item_nos=[ticket.item_no for ticket in tickets],
        positions=[ticket.position for ticket in tickets],
        organisation_ids=[ticket.organisation_id for ticket in tickets],
        event_ids=[ticket.event_id for ticket in tickets],
        ticket_type_ids=[ticket.ticket_type_id for ticket in tickets],
        account_ids=[ticket.account_id for ticket in tickets],
        holder_names=[ticket.holder_name for ticket in tickets],
        holder_contacts=[ticket.holder_contact for ticket in tickets],
        answers=[ticket.answers for ticket in tickets],
        max_entries=[ticket.max_entries for ticket in tickets],
        group_sizes=[ticket.group_size for ticket in tickets],
        seats=[ticket.seat for ticket in tickets],
        key_ids=[key_id for _ in tickets],
        qr_hashes=[qr.hash_of(text) for text in texts],
    )
    return any(ticket.is_named for ticket in tickets)


def get_ticket(conn: db.Connection, caller: Caller, ticket_id: UUID) -> TicketView:
    """Return a ticket, for its holder, its buyer and managers.

    Raises:
        NotFound: there is no such ticket, or the caller is none of these.
    """
    ticket = db.get(conn, TicketRow, SQL.get_ticket, id=ticket_id)
    viewer = require_viewer(conn, caller, ticket)
    return TicketView.model_validate(rules.hide_holder(ticket) if viewer is Viewer.FORMER_HOLDER else ticket)


def view_of(conn: db.Connection, ticket_id: UUID) -> TicketView:
    """Return a ticket that is known to exist, as its holder sees it."""
    return TicketView.model_validate(db.exactly_one(conn, TicketRow, SQL.get_ticket, id=ticket_id))


def require_viewer(conn: db.Connection, caller: Caller, ticket: TicketRow | SignedTicket | LockedTicket) -> Viewer:
    """Return as whom the caller sees a ticket: its holder, its buyer, or a manager of the organisation that sells.

    Raises:
        NotFound: the caller is none of them, or a key of another organisation, whatever token it sends.
        Forbidden: the caller is a member of the organisation, in a lower role.
    """
    require_own(caller, ticket.organisation_id)
    if ticket.account_id is not None and ticket.account_id == caller.account_id:
        return Viewer.HOLDER
    if ticket.transferred and is_guest_token(caller.guest_token, "ticket", ticket.id, ticket.transfer_count):
        return Viewer.HOLDER
    of_order = (ticket.order_id, ticket.organisation_id, ticket.buyer_id)
    acts_as = require_holder(conn, caller, "order", *of_order, ended_tokens=ticket.email_changes)
    if acts_as is Who.MANAGER:
        return Viewer.MANAGER
    return Viewer.FORMER_HOLDER if ticket.transferred else Viewer.HOLDER


def get_qr_text(conn: db.Connection, caller: Caller, ticket_id: UUID) -> str:
    """Return the text of a ticket's QR, for its holder and managers.

    Raises:
        NotFound: there is no such ticket, or the caller may not see it.
        TicketTransferred: the caller bought the ticket, but it now belongs to somebody else.
        TicketRefunded: the ticket is no longer valid.
        KeyRetired: the key that signed the ticket was withdrawn.
    """
    ticket = db.get(conn, SignedTicket, SQL.get_signed_ticket, id=ticket_id)
    if require_viewer(conn, caller, ticket) is Viewer.FORMER_HOLDER:
        raise TicketTransferred
    if ticket.status == "refunded":
        raise TicketRefunded(ticket_ids=[ticket.id])
    return print_ticket(ticket).qr


def list_my_tickets(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> TicketPage:
    """List the tickets of the caller's account, newest first."""
    rows = db.page(
        conn,
        TicketRow,
        SQL.list_tickets_of_account,
        account_id=caller.account,
        before=decode_id(cursor) or LAST_ID,
        limit=limit,
    )
    return TicketPage.of(rows, limit)


def list_for_order(conn: db.Connection, order_id: UUID) -> list[PrintedTicket]:
    """List all tickets of an order with the texts of their QRs.

    Raises:
        KeyRetired: the key that signed one of them was withdrawn.
    """
    return [print_ticket(ticket) for ticket in db.many(conn, SignedTicket, SQL.list_signed_tickets, order_id=order_id)]


def list_valid(conn: db.Connection, order_id: UUID) -> list[PrintedTicket]:
    """List the valid tickets of an order with the texts of their QRs.

    Raises:
        KeyRetired: the key that signed one of them was withdrawn.
    """
    tickets = db.many(conn, SignedTicket, SQL.list_signed_tickets, order_id=order_id)
    return [print_ticket(ticket) for ticket in tickets if ticket.status == "valid"]


def get_printout(conn: db.Connection, caller: Caller, order_id: UUID, part: int) -> Printout:
    """Return one part of an order's tickets, for printing. Refunded and transferred tickets are left out.

    Args:
        part: counts from 1; each part has up to `MOST_PAGES` tickets.

    Raises:
        NotFound: there is no such order or part, or the caller may not see the order.
        OrderNotPaid: the order is not paid.
        NothingToPrint: all tickets of the order are left out.
        KeyRetired: the key that signed one of them was withdrawn.
    """
    order = db.get(conn, OrderToPrint, SQL.get_order_to_print, id=order_id)
    of_order = (order.id, order.organisation_id, order.account_id)
    require_holder(conn, caller, "order", *of_order, ended_tokens=order.email_changes)
    offset = (part - 1) * rules.MOST_PAGES
    rules.check_printable(order, offset)
    tickets = db.many(
        conn, SignedTicket, SQL.list_tickets_to_print, order_id=order_id, limit=rules.MOST_PAGES, offset=offset
    )
    if not tickets:  # they were refunded or transferred after the count
        raise NothingToPrint
    printed = [print_ticket(ticket) for ticket in tickets]
    return Printout(shown_order_number(order.number), offset, order.tickets, printed, order.locale)


def get_signed_ticket(conn: db.Connection, ticket_id: UUID) -> SignedTicket:
    """Return a ticket that is known to exist, with what its QR is made of."""
    return db.exactly_one(conn, SignedTicket, SQL.get_signed_ticket, id=ticket_id)


def print_ticket(ticket: SignedTicket) -> PrintedTicket:
    """Return a ticket with the text of its QR.

    Raises:
        KeyRetired: the key that signed the ticket was withdrawn.
    """
    master = signing.key(settings().ticket_keys_secret, str(ticket.key_id))
    if master is None:
        raise KeyRetired
    text = qr.text_of(master, ticket.key_id, ticket.transfer_count, ticket.organisation_id, ticket.id)
    return PrintedTicket(**vars(ticket), qr=text)


def end(conn: db.Connection, ticket_ids: Sequence[UUID], *, force: bool) -> list[EndedTicket]:
    """Refund tickets, so that they are no longer valid. The transaction has locked their order.

    Args:
        force: refund used tickets too. Without it, they stay as they are.

    Returns:
        The tickets that were refunded.
    """
    return db.many(conn, EndedTicket, SQL.lock_and_end_tickets, ids=list(ticket_ids), force=force)


def set_disputed(conn: db.Connection, order_id: UUID, *, disputed: bool) -> None:
    """Mark the tickets of an order, whose payment is disputed or no longer is. The transaction has locked the order."""
    db.run(conn, SQL.lock_and_set_disputed, order_id=order_id, disputed=disputed)
