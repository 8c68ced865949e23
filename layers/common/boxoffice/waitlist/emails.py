"""Emails about the waitlist. That of an offer says its price, so `boxoffice.orders` writes it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from boxoffice import db, one_time, sql
from boxoffice.emails import Content, NotNeeded, Occasion, link, notice_of, page_link, seller_of, venue_of, write
from boxoffice.guest_tokens import waitlist_token
from boxoffice.languages import gettext
from boxoffice.one_time import Purpose
from boxoffice.times import moment_of, when_of

SQL = sql.queries("waitlist")


@dataclass(frozen=True)
class EmailEntry(Occasion):
    """A waitlist entry as its emails show it, with the seats that an offer holds."""

    id: UUID
    ticket_type_id: UUID
    ticket_type_name: str
    currency: str
    unit_price: int
    name: str
    quantity: int
    status: str
    expires_at: datetime | None
    is_cancelled: bool
    seats: list[str]


@dataclass(frozen=True)
class EmailTicketType(Occasion):
    """A ticket type that somebody wants to wait for, as the email to them shows it."""

    ticket_type_name: str


def waitlist_confirm(conn: db.Connection, token_id: str) -> Content:
    """Ask whoever reads an address if they want to wait, with a link that puts them in the line.

    Anybody can name the address. So the email has none of their words.
    """
    token = one_time.get(conn, Purpose.JOIN_WAITLIST, UUID(token_id))
    if token is None:
        raise NotNeeded("the link is over or used")
    wanted = UUID(token.payload["ticket_type_id"])
    ticket_type = db.one(conn, EmailTicketType, SQL.get_ticket_type_for_email, id=wanted)
    if ticket_type is None:
        raise NotNeeded("the public cannot buy the ticket type any more")
    facts = {
        "entry": ticket_type,
        "quantity": token.payload["quantity"],
        "when": when_of(ticket_type),
        "place": venue_of(ticket_type),
        "until": moment_of(token.expires_at, ticket_type),
        "link": page_link("confirm-waitlist", one_time.token_of(Purpose.JOIN_WAITLIST, token.id)),
    }
    subject = gettext("Do you want to wait for tickets for %(event)s?", event=ticket_type.event_title)
    return write("waitlist_confirm", subject, facts, seller=seller_of(ticket_type))


def waitlist_joined(conn: db.Connection, entry_id: str) -> Content:
    """Tell a person that they are on the waitlist, with a link to see their place, or to leave it."""
    entry = get_entry(conn, entry_id)
    return write_about(
        entry, "waitlist_joined", gettext("You are on the waitlist for %(event)s", event=entry.event_title)
    )


def waitlist_lapsed(conn: db.Connection, entry_id: str) -> Content:
    """Tell a person that their offer has lapsed."""
    entry = get_entry(conn, entry_id)
    return write_about(
        entry, "waitlist_lapsed", gettext("Your tickets for %(event)s are no longer held", event=entry.event_title)
    )


EMAILS = (waitlist_confirm, waitlist_joined, waitlist_lapsed)


def get_entry(conn: db.Connection, entry_id: str) -> EmailEntry:
    """Return a waitlist entry as its emails show it."""
    entry = db.one(conn, EmailEntry, SQL.get_entry_for_email, id=UUID(entry_id))
    if entry is None:
        raise LookupError(f"waitlist entry {entry_id}")
    return entry


def write_about(entry: EmailEntry, template: str, subject: str, renewed: str = "", total: int | None = None) -> Content:
    """Write an email about a waitlist entry.

    Args:
        renewed: why it is sent again, if one of `NOTICES` says so.
        total: what its offer costs, in the currency's minor unit.
    """
    facts = {
        "notice": notice_of(renewed),
        "entry": entry,
        "is_open": entry.status == "offered",
        "total": total,
        "when": when_of(entry),
        "place": venue_of(entry),
        "until": moment_of(entry.expires_at, entry) if entry.expires_at else None,
        "link": link("waitlist", entry.id, waitlist_token(entry.id)),
    }
    return write(template, subject, facts, seller=seller_of(entry))
