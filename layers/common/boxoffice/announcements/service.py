"""Use cases of announcements: preview, send, list and withdraw them. `sending` writes the emails."""

from uuid import UUID

from boxoffice import audit, db, idempotency, outbox, platform_settings, rate_limit, sql
from boxoffice.accounts.service import get_proven_email
from boxoffice.announcements import emails
from boxoffice.announcements.errors import NoRecipients
from boxoffice.announcements.models import (
    AnnouncedEvent,
    AnnouncementRow,
    MessagePage,
    MessagePreview,
    MessagePreviewRequest,
    MessageRequest,
    MessageView,
)
from boxoffice.auth import Caller, require_role
from boxoffice.erased import AT_DOMAIN
from boxoffice.errors import NotFound
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.mailings import Reach
from boxoffice.organisations.errors import SellerSuspended
from boxoffice.pagination import FIRST_ID, LAST_ID, decode_id

SQL = sql.queries("announcements")


def preview(conn: db.Connection, caller: Caller, event_id: UUID, request: MessagePreviewRequest) -> MessagePreview:
    """Return whom a message would reach and how it looks. If the caller wants that, send it to their own address.

    Raises:
        NotFound, Forbidden: the event or a ticket type is not the caller's, or the role is too low.
        SellerSuspended: the seller writes to nobody now.
        NoEmail, EmailNotVerified: the caller's account has no address, or nobody has proven to read it.
    """
    event = _open(conn, caller, event_id, request)
    reached = _count(conn, event_id, request)
    sample = emails.sample_of(event, request.subject, request.body)
    sent_to = _send_to_caller(conn, caller, event_id, request) if request.send_to_me else None
    organisation, subject = event.organisation_id, f"event {event_id}"
    audit.record(conn, caller, "preview_message", subject, organisation=organisation, sent=request.send_to_me)
    return MessagePreview(**vars(reached), subject=sample.subject, text=sample.text, html=sample.html, sent_to=sent_to)


def send(conn: db.Connection, caller: Caller, event_id: UUID, request: MessageRequest, key: str) -> MessageView:
    """Send a message to the buyers or holders of an event. A job writes the emails. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the event or a ticket type is not the caller's, or the role is too low.
        SellerSuspended: the seller writes to nobody now.
        NoRecipients: nobody would get it.
        TooManyRequests: the organisation has sent too many messages.
        KeyReused: the idempotency key belongs to another request.
    """
    event = db.get(conn, AnnouncedEvent, SQL.get_event, event_id=event_id)
    require_role(conn, caller, event.organisation_id)
    scope = idempotency.scope_of(caller, event.organisation_id)
    idempotent = IdempotentRequest.of("send_message", scope, key, request, event_id)
    return idempotency.run_once(
        conn, idempotent, lambda: _send(conn, caller, event_id, request, idempotent), MessageView.model_validate
    )


def list_messages(conn: db.Connection, caller: Caller, event_id: UUID, limit: int, cursor: str | None) -> MessagePage:
    """Return a page of the messages to an event's buyers and holders, newest first.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    require_role(conn, caller, db.get(conn, AnnouncedEvent, SQL.get_event, event_id=event_id).organisation_id)
    before = decode_id(cursor) or LAST_ID
    rows = db.page(conn, AnnouncementRow, SQL.list_announcements, event_id=event_id, before=before, limit=limit)
    return MessagePage.of(rows, limit)


def withdraw(conn: db.Connection, caller: Caller, event_id: UUID, message_id: UUID) -> MessageView:
    """Stop a message: whoever has not got its email yet, gets none. To withdraw it again changes nothing.

    Raises:
        NotFound, Forbidden: the message is not the caller's, or the role is too low.
    """
    locked = db.get(conn, dict, SQL.lock_announcement, id=message_id, event_id=event_id)
    require_role(conn, caller, locked["organisation_id"])
    if locked["withdrawn_at"] is None:
        db.run(conn, SQL.set_withdrawn, id=message_id)
        audit.record(conn, caller, "withdraw_message", f"message {message_id}", organisation=locked["organisation_id"])
    return _view(conn, message_id)


def _send(
    conn: db.Connection, caller: Caller, event_id: UUID, request: MessageRequest, idempotent: IdempotentRequest
) -> MessageView:
    message_id = new_id()
    with conn.transaction():
        event = _open(conn, caller, event_id, request)
        reached = _count(conn, event_id, request)
        if reached.recipients == 0:
            raise NoRecipients
        db.run(
            conn,
            SQL.insert_announcement,
            id=message_id,
            organisation_id=event.organisation_id,
            event_id=event_id,
            sent_by=caller.account,
            subject=request.subject,
            body=request.body,
            expected=reached.recipients,
            **_audience(request),
        )
        view = _view(conn, message_id)
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        facts = request.model_dump(mode="json", exclude={"subject", "body"}) | {"expected": reached.recipients}
        audit.record(
            conn,
            caller,
            "send_message",
            f"message {message_id}",
            organisation=event.organisation_id,
            event=str(event_id),
            **facts,
        )
        current = platform_settings.current(conn)
        rate_limit.limit_messages(event.organisation_id, current.messages_per_hour, current.messages_per_day)
    return view


def _open(conn: db.Connection, caller: Caller, event_id: UUID, request: MessageRequest) -> AnnouncedEvent:
    """Return the event of a message that the caller may send."""
    event = db.get(conn, AnnouncedEvent, SQL.get_event, event_id=event_id)
    require_role(conn, caller, event.organisation_id)
    if not event.seller_sells:
        raise SellerSuspended(organisation_id=event.organisation_id)
    ids = set(request.ticket_type_ids or ())
    if db.value(conn, SQL.count_ticket_types, ticket_type_ids=list(ids), event_id=event_id) != len(ids):
        raise NotFound("The event does not have one of these ticket types.")
    return event


def _count(conn: db.Connection, event_id: UUID, request: MessageRequest) -> Reach:
    """Return how many a message would reach now."""
    orders = {"after": FIRST_ID, "up_to": LAST_ID}
    params = {"event_id": event_id, "at_erased": AT_DOMAIN, **orders, **_audience(request)}
    return db.exactly_one(conn, Reach, SQL.count_recipients, **params)


def _audience(request: MessageRequest) -> dict[str, object]:
    """Return to whom a message goes, by column."""
    return {
        "audience": request.to,
        "ticket_status": request.tickets,
        "ticket_type_ids": request.ticket_type_ids,
        "admitted": request.admitted,
    }


def _send_to_caller(conn: db.Connection, caller: Caller, event_id: UUID, request: MessageRequest) -> str:
    """Owe the email to the caller's own address, and return that."""
    email = get_proven_email(conn, caller)
    payload = {"event_id": str(event_id), "subject": request.subject, "body": request.body}
    outbox.owe_email(conn, "announcement_sample", email, payload)
    return email


def _view(conn: db.Connection, message_id: UUID) -> MessageView:
    return MessageView.model_validate(db.exactly_one(conn, AnnouncementRow, SQL.get_announcement, id=message_id))
