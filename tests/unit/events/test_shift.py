"""An event moves to another time on the clock of its venue, whatever its time zone does on the way."""

from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.events.errors import TooManyCopies
from boxoffice.events.rules import Shift, check_copies, renamed
from boxoffice.times import zone_of

# Berlin went from 02:00 (UTC+1) to 03:00 (UTC+2) on 30 March 2025, and back from 03:00 to 02:00 on 26 October 2025.
# New York did the same on 9 March and 2 November 2025. Lagos is at UTC+1 all year.


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-{text}Z")


def shift(zone: str, old: str, new: str) -> Shift:
    return Shift(zone_of(zone), utc(old), utc(new))


MOVED = [
    # a week in which nothing changes
    ("Africa/Lagos", "06-20T18:00", "06-27T18:00", "06-20T22:00", "06-27T22:00"),
    # 20:00 in winter, 20:00 in summer: doors at 19:00, and sales from 1 March at 10:00 move by four weeks
    ("Europe/Berlin", "03-20T19:00", "04-17T18:00", "03-20T18:00", "04-17T17:00"),
    ("Europe/Berlin", "03-20T19:00", "04-17T18:00", "03-20T22:00", "04-17T21:00"),
    ("Europe/Berlin", "03-20T19:00", "04-17T18:00", "02-20T09:00", "03-20T09:00"),
    # 20:00 in summer, 20:00 in winter; the end at 02:00 the next day
    ("America/New_York", "10-25T00:00", "11-08T01:00", "10-25T06:00", "11-08T07:00"),
    # from 22:00 until 04:00 over the night in which Berlin loses an hour, and over the one in which it wins one
    ("Europe/Berlin", "03-22T21:00", "03-29T21:00", "03-23T03:00", "03-30T02:00"),
    ("Europe/Berlin", "10-18T20:00", "10-25T20:00", "10-19T02:00", "10-26T03:00"),
    # 02:30 does not exist in spring: an hour later. In autumn it exists twice: the first time
    ("Europe/Berlin", "03-22T21:00", "03-29T21:00", "03-23T01:30", "03-30T01:30"),
    ("Europe/Berlin", "10-18T20:00", "10-25T20:00", "10-19T00:30", "10-26T00:30"),
    # an event that starts the second time that it is 02:10 has its doors the second time that it is 02:00
    ("Europe/Berlin", "10-19T00:10", "10-26T01:10", "10-19T00:00", "10-26T01:00"),
    ("Europe/Berlin", "10-19T00:10", "10-26T01:10", "10-19T00:50", "10-26T01:50"),
    # what was before the start stays before it: 02:40 does not exist, and the copy starts at 03:10
    ("Europe/Berlin", "03-23T02:10", "03-30T01:10", "03-23T01:40", "03-30T01:10"),
    # what was after the start stays after it: from 02:40 summer time until 02:10 winter time
    ("Europe/Berlin", "10-26T00:40", "11-02T01:40", "10-26T01:10", "11-02T02:10"),
    ("Europe/Berlin", "10-26T00:40", "11-02T01:40", "10-26T00:40", "11-02T01:40"),
]


@pytest.mark.parametrize(("zone", "old", "new", "moment", "moved"), MOVED)
def test_what_was_at_ten_will_be_at_ten(zone: str, old: str, new: str, moment: str, moved: str) -> None:
    assert shift(zone, old, new).of(utc(moment)) == utc(moved)


def test_a_time_that_nobody_has_set_stays_unset() -> None:
    move = shift("Europe/Berlin", "03-22T21:00", "03-29T21:00")

    assert move.of(None) is None
    assert move.of_span(None, utc("03-23T03:00")) == (None, utc("03-30T02:00"))
    assert move.of_span(utc("03-23T03:00"), None) == (utc("03-30T02:00"), None)


def test_a_span_ends_after_it_begins_though_the_clock_skips_its_begin() -> None:
    """From 02:50 until 03:10, on a night on which 02:50 is 03:50."""
    move = shift("Europe/Berlin", "03-24T18:00", "03-31T17:00")

    assert move.of_span(utc("03-23T01:50"), utc("03-23T02:10")) == (utc("03-30T01:50"), utc("03-30T02:10"))


def test_an_event_keeps_its_order_wherever_it_moves_to() -> None:
    """Every quarter of an hour over both nights: late payments, doors, start and end follow each other."""
    old = datetime(2025, 6, 20, 18, 0, tzinfo=UTC)
    before, after = old - timedelta(minutes=45), old + timedelta(minutes=20)
    for night in (datetime(2025, 3, 29, 20, 0, tzinfo=UTC), datetime(2025, 10, 25, 20, 0, tzinfo=UTC)):
        for quarter in range(48):
            move = Shift(zone_of("Europe/Berlin"), old, night + quarter * timedelta(minutes=15))
            doors, end = move.of_span(before, after)
            assert doors is not None
            assert end is not None
            assert doors <= move.new < end
            assert move.of(old) == move.new


def test_so_many_copies_are_made_at_once_as_there_is_time_for() -> None:
    check_copies(100, [1000] * 10, 0)  # 100 rows of stock each
    check_copies(33, [10_000] * 10, 5000)  # 256 each, and the seats: 7,560 a copy
    with pytest.raises(TooManyCopies) as refused:
        check_copies(34, [10_000] * 10, 5000)
    assert refused.value.facts["max_dates"] == 33
    check_copies(100, [], 0)


def test_ids_are_renamed_wherever_they_stand() -> None:
    gates = [{"name": "a", "key": "a", "ticket_type_ids": ["a", "b", "c"]}, {"name": "x", "ticket_type_ids": None}]

    assert renamed(gates, {"b": "y", "c": "z"}) == [
        {"name": "a", "key": "a", "ticket_type_ids": ["a", "y", "z"]},
        {"name": "x", "ticket_type_ids": None},
    ]
    assert renamed({"if": {"b": 1, "is": "b", "n": 2, "on": True}}, {"b": "y"}) == {
        "if": {"b": 1, "is": "y", "n": 2, "on": True}
    }
