"""Emails about the waitlist."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.emails import NOTICES, Content, Occasion, link, seller_of, venue_of, write
from boxoffice.guest_tokens import waitlist_token
from boxoffice.times import moment_of, when_of

SQL = sql.queries("waitlist")


@dataclass(frozen=True)
class EmailEntry(Occasion):
    """A waitlist entry as its emails show it, with the seats that an offer holds."""

    id: UUID
    ticket_type_name: str
    name: str
    quantity: int
    status: str
    expires_at: datetime | None
    is_cancelled: bool
    seats: list[str]


def waitlist_joined(conn: db.Connection, entry_id: str) -> Content:
    """Tell a person that they are on the waitlist, with a link to leave it."""
    entry = _entry(conn, entry_id)
    return _write("waitlist_joined", f"You are on the waitlist for {entry.event_title}", entry)


def waitlist_offer(conn: db.Connection, entry_id: str, renewed: str = "") -> Content:
    """Tell a person that the waitlist holds tickets for them, and until when.

    Args:
        renewed: why it is sent again, if one of `NOTICES` says so.
    """
    entry = _entry(conn, entry_id)
    return _write("waitlist_offer", f"It is your turn: tickets for {entry.event_title}", entry, renewed)


def waitlist_lapsed(conn: db.Connection, entry_id: str) -> Content:
    """Tell a person that their offer has lapsed."""
    entry = _entry(conn, entry_id)
    return _write("waitlist_lapsed", f"Your tickets for {entry.event_title} are no longer held", entry)


EMAILS = (waitlist_joined, waitlist_offer, waitlist_lapsed)


def _entry(conn: db.Connection, entry_id: str) -> EmailEntry:
    entry = db.one(conn, EmailEntry, SQL.get_entry_for_email, id=UUID(entry_id))
    if entry is None:
        raise LookupError(f"waitlist entry {entry_id}")
    return entry


def _write(template: str, subject: str, entry: EmailEntry, renewed: str = "") -> Content:
    facts = {
        "notice": NOTICES.get(renewed),
        "entry": entry,
        "is_open": entry.status == "offered",
        "when": when_of(entry),
        "place": venue_of(entry),
        "until": moment_of(entry.expires_at, entry) if entry.expires_at else None,
        "link": link("waitlist", entry.id, waitlist_token(entry.id)),
    }
    return write(template, subject, facts, seller=seller_of(entry))
