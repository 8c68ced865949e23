"""Events for a calendar: an iCalendar file (RFC 5545), in UTC, which every calendar shows on its owner's clock.

An event keeps its UID, and its SEQUENCE grows with each change, so that a later file corrects what an earlier one said.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from boxoffice.emails import Occasion, one_line, place_of

_LINE = 75  # octets, section 3.1


def calendar_of(occasions: Iterable[Occasion], now: datetime) -> bytes:
    """The events as one file."""
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
        f"DTSTAMP:{_moment(now)}",
        f"DTSTART:{_moment(occasion.starts_at)}",
        f"DTEND:{_moment(occasion.ends_at)}",
        f"SUMMARY:{_text(occasion.event_title)}",
        f"LOCATION:{_text(place_of(occasion))}",
        "STATUS:CONFIRMED",
        "END:VEVENT",
    ]


def _moment(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    """A text as a value, section 3.3.11."""
    return one_line(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")


def _fold(line: str) -> Iterator[bytes]:
    """A line in parts, none longer than allowed, of which all but the first begin with a space; no character is cut."""
    part = b""
    for char in line:
        octets = char.encode()
        if len(part) + len(octets) > _LINE:
            yield part
            part = b" "
        part += octets
    yield part
