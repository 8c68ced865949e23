"""Calendar files: events as iCalendar (RFC 5545). Times are in UTC; every calendar shows them in its own time zone.

An event keeps its UID, and its SEQUENCE grows with each change. So a later file corrects an earlier one.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from boxoffice.emails import Occasion, venue_of
from boxoffice.texts import one_line

_MOST_OCTETS = 75  # in a line, section 3.1


def calendar_of(occasions: Iterable[Occasion], now: datetime) -> bytes:
    """Return the events as one file."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Boxoffice//Tickets//EN", "METHOD:PUBLISH"]
    for occasion in occasions:
        lines += _entry(occasion, now)
    lines.append("END:VCALENDAR")
    return b"".join(part + b"\r\n" for line in lines for part in _fold(line))


def _entry(occasion: Occasion, now: datetime) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{occasion.event_id}@boxoffice",
        f"SEQUENCE:{occasion.event_version}",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(occasion.starts_at)}",
        f"DTEND:{_utc(occasion.ends_at)}",
        f"SUMMARY:{_text(occasion.event_title)}",
        f"LOCATION:{_text(venue_of(occasion))}",
        "STATUS:CONFIRMED",
        "END:VEVENT",
    ]


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
