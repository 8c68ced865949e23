"""Calendar files: events as iCalendar (RFC 5545). Times are in UTC; every calendar shows them in its own time zone.

An event keeps its UID, and its SEQUENCE grows with each change. So a later file corrects an earlier one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Literal

from boxoffice.config import settings
from boxoffice.emails import Attachment, Occasion, venue_of
from boxoffice.languages import gettext
from boxoffice.texts import one_line
from boxoffice.times import when_of

_MOST_OCTETS = 75  # in a line, section 3.1


type Method = Literal["PUBLISH", "CANCEL"]
"""What a file is for: it puts events into a calendar, and corrects them, or takes them out of it (RFC 5546)."""


@dataclass(frozen=True)
class Source:
    """Where the events of a file come from.

    Attributes:
        number: the order's number, as people read it. None if the file is for no order.
        page: the link to the page of the order or the ticket, if there is one.
        sender: our own address, for sellers who have given none.
    """

    number: str | None
    page: str | None
    sender: str


def attachment_of(
    occasions: Iterable[Occasion], number: str | None, page: str | None, method: Method = "PUBLISH"
) -> Attachment:
    """Return the events as a file that an email brings along. Arguments: see `Source`."""
    source = Source(number, page, parseaddr(settings().email_sender)[1])
    media_type = f'text/calendar; charset="utf-8"; method={method}'
    return Attachment("event.ics", media_type, calendar_of(occasions, source, datetime.now(UTC), method))


def calendar_of(occasions: Iterable[Occasion], source: Source, now: datetime, method: Method = "PUBLISH") -> bytes:
    """Return the events as one file."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Boxoffice//Tickets//EN", f"METHOD:{method}"]
    for occasion in occasions:
        lines += _entry(occasion, source, now, "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    lines.append("END:VCALENDAR")
    return b"".join(part + b"\r\n" for line in lines for part in _fold(line))


def _entry(occasion: Occasion, source: Source, now: datetime, status: str) -> list[str]:
    order = source.number and gettext("Order %(number)s", number=source.number)
    description = "\\n".join(map(_text, filter(None, (when_of(occasion).doors, order, source.page))))
    optional = {"DESCRIPTION": description, "URL": source.page}
    return [
        "BEGIN:VEVENT",
        f"UID:{occasion.event_id}@boxoffice",
        f"SEQUENCE:{occasion.event_version}",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(occasion.starts_at)}",
        f"DTEND:{_utc(occasion.ends_at)}",
        f"SUMMARY:{_text(occasion.event_title)}",
        f"LOCATION:{_text(venue_of(occasion))}",
        f'ORGANIZER;CN="{_parameter(occasion.seller)}":mailto:{occasion.seller_contact or source.sender}',
        *(f"{name}:{value}" for name, value in optional.items() if value),
        f"STATUS:{status}",
        "END:VEVENT",
    ]


def _parameter(text: str) -> str:
    """Return a text for a parameter in quotes, which cannot contain quotes (section 3.2)."""
    return one_line(text).replace('"', "'")


def _utc(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """Return a text as a value, with its special characters escaped (section 3.3.11)."""
    return one_line(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _fold(line: str) -> Iterator[bytes]:
    """Yield a line in parts of an allowed length (section 3.1). The second and later ones begin with a space."""
    part = b""
    for char in line:
        octets = char.encode()
        if len(part) + len(octets) > _MOST_OCTETS:
            yield part
            part = b" "
        part += octets
    yield part
