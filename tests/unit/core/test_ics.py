"""Calendar files as another program reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from boxoffice.emails import Occasion
from boxoffice.ics import calendar_of
from boxoffice.texts import one_line

EVENT = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b002")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STARTS_AT = datetime(2026, 6, 27, 18, 30, tzinfo=UTC)


def occasion(**overrides: Any) -> Occasion:
    facts = {
        "event_id": EVENT,
        "event_version": 3,
        "event_title": "Jazz by the sea",
        "venue_name": "Freedom Park",
        "venue_address": "1 Hospital Road",
        "city": "Lagos",
        "time_zone": "Africa/Lagos",
        "starts_at": STARTS_AT,
        "ends_at": STARTS_AT + timedelta(hours=4),
        "doors_open_at": None,
    }
    return Occasion(**facts | overrides)


def read(*occasions: Occasion) -> list[Any]:
    """Return the events of a file, after a check of its form."""
    raw = calendar_of(occasions, NOW)
    assert raw.endswith(b"\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert [line.decode() for line in raw.split(b"\r\n")]  # no character is cut
    calendar = Calendar.from_ical(raw)
    assert not calendar.errors
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    return list(calendar.walk("VEVENT"))


def test_an_event_has_its_time_and_venue() -> None:
    (event,) = read(occasion())

    assert (event["UID"], event["SEQUENCE"]) == (f"{EVENT}@boxoffice", 3)
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (STARTS_AT, STARTS_AT + timedelta(hours=4))
    assert event.decoded("DTSTAMP") == NOW
    assert event["SUMMARY"] == "Jazz by the sea"
    assert event["LOCATION"] == "Freedom Park, 1 Hospital Road, Lagos"


def test_the_events_of_an_order_are_in_one_file() -> None:
    other = UUID(int=EVENT.int + 1)

    events = read(occasion(), occasion(event_id=other, event_title="Blues"))

    assert [event["SUMMARY"] for event in events] == ["Jazz by the sea", "Blues"]
    assert len({event["UID"] for event in events}) == 2


def test_a_changed_event_keeps_its_uid_and_gets_a_higher_sequence() -> None:
    before, after = read(occasion())[0], read(occasion(event_version=4, event_title="Jazz in the hall"))[0]

    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]


def test_a_title_cannot_add_a_line() -> None:
    (event,) = read(occasion(event_title="Jazz\r\nBEGIN:VALARM\nX:1; a, b\\n"))

    assert event["SUMMARY"] == "Jazz BEGIN:VALARM X:1; a, b\\n"
    assert not event.subcomponents


@given(
    title=st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=200).map(
        one_line
    )
)
def test_every_title_arrives_as_it_was(title: str) -> None:
    (event,) = read(occasion(event_title=title))

    assert str(event["SUMMARY"]) == title
