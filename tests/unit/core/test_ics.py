"""Calendar files as another program reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import vobject
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from boxoffice.emails import Occasion
from boxoffice.ics import Method, Source, calendar_of
from boxoffice.texts import one_line

EVENT = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b002")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STARTS_AT = datetime(2026, 6, 27, 18, 30, tzinfo=UTC)
PAGE = f"https://shop.example.com/orders/{EVENT}#token=v1.abc-DEF_123"
ORDER = Source("K7QW-3MPX", PAGE, "tickets@example.com")


def occasion(**overrides: Any) -> Occasion:
    facts = {
        "event_id": EVENT,
        "event_version": 3,
        "event_title": "Jazz by the sea",
        "venue_name": "Freedom Park",
        "venue_address": "1 Hospital Road",
        "city": "Lagos",
        "time_zone": "Africa/Lagos",
        "seller": "Lagos Live",
        "seller_contact": "hello@lagos.example",
        "starts_at": STARTS_AT,
        "ends_at": STARTS_AT + timedelta(hours=4),
        "doors_open_at": None,
    }
    return Occasion(**facts | overrides)


def read(*occasions: Occasion, source: Source = ORDER, method: Method = "PUBLISH") -> list[Any]:
    """Return the events of a file, after a check of its form, and that another program reads the same."""
    raw = calendar_of(occasions, source, NOW, method)
    assert raw.endswith(b"\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert [line.decode() for line in raw.split(b"\r\n")]  # no character is cut
    calendar = Calendar.from_ical(raw)
    assert not calendar.errors
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", method)
    events = list(calendar.walk("VEVENT"))
    others = vobject.readOne(raw.decode()).vevent_list
    for event, other in zip(events, others, strict=True):
        assert (other.summary.value, other.location.value) == (event["SUMMARY"], event["LOCATION"])
        assert (other.organizer.value, other.organizer.params["CN"]) == (
            event["ORGANIZER"],
            [event["ORGANIZER"].params["CN"]],
        )
        assert other.dtstart.value == event.decoded("DTSTART")
    return events


def test_an_event_has_its_time_and_venue() -> None:
    (event,) = read(occasion())

    assert (event["UID"], event["SEQUENCE"]) == (f"{EVENT}@boxoffice", 3)
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (STARTS_AT, STARTS_AT + timedelta(hours=4))
    assert event.decoded("DTSTAMP") == NOW
    assert event["SUMMARY"] == "Jazz by the sea"
    assert event["LOCATION"] == "Freedom Park, 1 Hospital Road, Lagos"


def test_an_event_names_who_sells_it_the_order_and_its_page() -> None:
    (event,) = read(occasion(doors_open_at=STARTS_AT - timedelta(hours=1), seller='Jazz "Live"; Größe, Lagos'))

    assert event["ORGANIZER"] == "mailto:hello@lagos.example"
    assert event["ORGANIZER"].params["CN"] == "Jazz 'Live'; Größe, Lagos"
    assert event["DESCRIPTION"] == f"Doors 18:30\nOrder K7QW-3MPX\n{PAGE}"
    assert event["URL"] == PAGE


def test_a_seller_without_an_address_is_reached_by_ours() -> None:
    (event,) = read(occasion(seller_contact=None), source=Source(None, None, "tickets@example.com"))

    assert event["ORGANIZER"] == "mailto:tickets@example.com"
    assert "URL" not in event
    assert "DESCRIPTION" not in event


def test_a_cancelled_event_is_taken_out_of_the_calendar() -> None:
    (before,), (after,) = read(occasion()), read(occasion(event_version=4), method="CANCEL")

    assert (before["STATUS"], after["STATUS"]) == ("CONFIRMED", "CANCELLED")
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]


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
