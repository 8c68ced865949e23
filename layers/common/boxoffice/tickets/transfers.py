"""Use cases of transfers (decision 26).

The holder sends a ticket to an email address. Whoever has the link in that email can accept the ticket. Nothing changes
before that. Accepting raises the ticket's transfer count: the former QR and token end, and new ones begin.

The link's token is derived from the transfer's id, so it is not stored. Transfers and scans lock the ticket's row
first, so that one waits for the other.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, db, outbox, signing, sql
from boxoffice.auth import Caller, require_own
from boxoffice.config import settings
from boxoffice.errors import NotFound
from boxoffice.guest_tokens import ticket_token
from boxoffice.ids import new_id
from boxoffice.questions import rules as questions
from boxoffice.questions.models import Form
from boxoffice.tickets import holders, qr, rules, service
from boxoffice.tickets.errors import AnswersNeeded, TicketTransferred
from boxoffice.tickets.models import (
    AcceptedTransferView,
    AcceptTransferRequest,
    LockedTicket,
    MovedTicket,
    TransferRequest,
    TransferRow,
    TransferView,
    Viewer,
)

SQL = sql.queries("tickets")


def start_transfer(conn: db.Connection, caller: Caller, ticket_id: UUID, request: TransferRequest) -> TransferView:
    """Send a ticket to an email address. This replaces the ticket's pending transfer, if there is one.

    Raises:
        NotFound: there is no such ticket, or the caller may not see it.
        TicketTransferred: the caller bought the ticket, but it now belongs to somebody else.
        one of NOT_TRANSFERABLE: the ticket stays with its holder.
    """
    now = datetime.now(UTC)
    ticket = _lock(conn, ticket_id)
    viewer = service.require_viewer(conn, caller, ticket)
    if viewer is Viewer.FORMER_HOLDER:
        raise TicketTransferred
    rules.check_transferable(ticket, now)
    db.run(conn, SQL.replace_pending_transfer, ticket_id=ticket_id)
    transfer = _insert(conn, caller, ticket, request, now)
    outbox.owe_email(conn, "transfer_started", request.email, {"transfer_id": str(transfer.id)})
    if viewer is Viewer.MANAGER:
        audit.record(conn, caller, "start_transfer", f"ticket {ticket_id}", organisation=ticket.organisation_id)
    return TransferView.model_validate(transfer)


def list_holders_of_free_ticket(conn: db.Connection, ticket_id: UUID) -> list[str]:
    """Return whom an email will tell that a ticket has passed on, if it cost nothing. Nobody if it did cost something.

    A stranger may have ordered it for somebody else's address.
    """
    return db.values(conn, SQL.list_holders_of_free_ticket, id=ticket_id)


def _insert(
    conn: db.Connection, caller: Caller, ticket: LockedTicket, request: TransferRequest, now: datetime
) -> TransferRow:
    return db.exactly_one(
        conn,
        TransferRow,
        SQL.insert_transfer,
        id=new_id(),
        ticket_id=ticket.id,
        from_name=ticket.holder_name,
        from_email=ticket.holder_email,
        from_account_id=ticket.account_id,
        to_name=request.name,
        to_email=request.email,
        locale=request.locale,
        started_by=caller.actor,
        expires_at=rules.transfer_expires_at(ticket, now),
    )


def accept_transfer(conn: db.Connection, caller: Caller, request: AcceptTransferRequest) -> AcceptedTransferView:
    """Accept a ticket: for the caller's account if they are logged in, else as a guest with a token of their own.

    No account gets the ticket by its email address, since sign-up does not prove who reads that address.

    Raises:
        NotFound: the token is none of ours.
        one of TRANSFER_CLOSED: the transfer can no longer be accepted.
        one of NOT_TRANSFERABLE: the ticket stays with its holder.
        AnswersNeeded: the answers do not fit what the event asks of each ticket.
    """
    now = datetime.now(UTC)
    transfer_id = _read_token(request.token)
    ticket = _lock(conn, _get(conn, transfer_id).ticket_id)
    require_own(caller, ticket.organisation_id)
    transfer = _get(conn, transfer_id)  # read again: now that the ticket is locked, nobody else can change it
    rules.check_acceptable(transfer, now)
    rules.check_transferable(ticket, now)
    _hand_over(conn, transfer, ticket, caller.account_id, request.name, _answers_of(ticket, request.answers or {}))
    payload = {"transfer_id": str(transfer.id)}
    outbox.owe_email(conn, "transfer_accepted", transfer.to_email, payload)
    outbox.owe_email(conn, "transfer_completed", ticket.holder_email, payload)
    data = {"transfer_id": transfer.id, "ticket_id": ticket.id, "order_id": ticket.order_id}
    outbox.owe_webhook(conn, ticket.organisation_id, "ticket.transferred", data)
    view = service.view_of(conn, ticket.id)
    return AcceptedTransferView(ticket=view, access_token=ticket_token(ticket.id, ticket.transfer_count + 1))


def _answers_of(ticket: LockedTicket, given: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the answers of whoever accepts a ticket, as it stores them. None if there are none.

    Raises:
        AnswersNeeded: they do not fit what the event asks.
    """
    problems = questions.Problems()
    form = Form.of(ticket.form)
    answers = questions.ticket_answers(form, ticket.ticket_type_id, given, ("body", "answers"), problems)
    if problems.told:
        raise AnswersNeeded(event_id=ticket.event_id, errors=problems.told, more_errors=problems.more)
    return answers or None


def _hand_over(
    conn: db.Connection,
    transfer: TransferRow,
    ticket: LockedTicket,
    account_id: UUID | None,
    name: str,
    answers: list[dict[str, Any]] | None,
) -> None:
    """Give a ticket, which the transaction has locked, to its new holder, with a new QR. The transfer was checked.

    The answers of the former holder go. The new one gives their own.
    """
    key_id, master = signing.current_key(settings().ticket_keys_secret)
    transfer_count = ticket.transfer_count + 1
    text = qr.text_of(master, int(key_id), transfer_count, ticket.organisation_id, ticket.id)
    db.run(
        conn,
        SQL.accept_transfer,
        id=transfer.id,
        name=name,
        answers=answers and Jsonb(answers),
        account_id=account_id,
        transfer_count=transfer_count,
        key_id=int(key_id),
        qr_hash=qr.hash_of(text),
    )
    if answers:
        holders.check_size(conn, ticket.order_id)


def move_with_order(
    conn: db.Connection, order_id: UUID, from_email: str, to_email: str, actor: UUID | str | None
) -> None:
    """Let the tickets of an order that are still the buyer's follow to its new address, with new QRs.

    As after any transfer, the door refuses the former QRs, and a pending transfer ends. The names of the holders stay.
    The transaction has locked the order.

    Args:
        actor: who asked for it. None for a guest.
    """
    key_id, master = signing.current_key(settings().ticket_keys_secret)
    tickets = db.many(conn, MovedTicket, SQL.lock_tickets_to_move, order_id=order_id)
    texts = [
        qr.text_of(master, int(key_id), ticket.transfer_count + 1, ticket.organisation_id, ticket.id)
        for ticket in tickets
    ]
    db.run(
        conn,
        SQL.move_tickets,
        ids=[ticket.id for ticket in tickets],
        transfer_ids=[new_id() for _ in tickets],
        qr_hashes=[qr.hash_of(text) for text in texts],
        key_id=int(key_id),
        from_email=from_email,
        to_email=to_email,
        actor_id=actor,
    )


def token_of(transfer_id: UUID) -> str:
    """Return the token that accepts a transfer: its id, and a proof that we made the token."""
    return f"{transfer_id.hex}.{signing.token(settings().link_keys_secret, 'transfer', transfer_id.bytes)}"


def _read_token(text: str) -> UUID:
    id_text, _, proof = text.partition(".")
    try:
        transfer_id = UUID(hex=id_text)
    except ValueError as error:
        raise NotFound from error
    if not signing.is_token(settings().link_keys_secret, "transfer", transfer_id.bytes, proof):
        raise NotFound
    return transfer_id


def _lock(conn: db.Connection, ticket_id: UUID) -> LockedTicket:
    """Lock a ticket, and read it with its order and its event as they are then.

    Raises:
        NotFound: there is no such ticket.
    """
    db.run(conn, SQL.lock_ticket, id=ticket_id)
    return db.get(conn, LockedTicket, SQL.get_locked_ticket, id=ticket_id)


def _get(conn: db.Connection, transfer_id: UUID) -> TransferRow:
    return db.get(conn, TransferRow, SQL.get_transfer, id=transfer_id)
