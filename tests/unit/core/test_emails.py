"""Texts, order numbers, dates and titles as emails show them."""

from datetime import UTC, datetime

import pytest

from boxoffice import emails, times
from boxoffice.ids import shown_order_number


def test_text_for_a_header_has_no_line_breaks_and_no_control_characters():
    assert (
        emails.one_line("Jazz\r\nBcc: x@example.com\x00\x1b\u2028 & \u202eblues") == "Jazz Bcc: x@example.com & blues"
    )
    for text in ("Ẹ̀kọ́, 東京 🎷", "می\u200cروم", "ශ්\u200dරී", "👩\u200d👩\u200d👧"):
        assert emails.one_line(text) == text


def test_an_order_number_is_shown_in_two_halves():
    assert shown_order_number("K7QW3MPX") == "K7QW-3MPX"


@pytest.mark.parametrize(
    ("time_zone", "shown"),
    [
        ("Africa/Lagos", "Saturday 27 June 2026, 19:30 (West Africa Standard Time)"),
        ("America/New_York", "Saturday 27 June 2026, 14:30 (Eastern Daylight Time)"),
        ("Asia/Tokyo", "Sunday 28 June 2026, 03:30 (Japan Standard Time)"),
    ],
)
def test_a_date_is_shown_in_the_time_zone_of_the_venue(time_zone, shown):
    assert times.when(datetime(2026, 6, 27, 18, 30, tzinfo=UTC), time_zone) == shown


@pytest.mark.parametrize(
    ("titles", "shown"),
    [
        (["Jazz"], "Jazz"),
        (["Jazz", "Blues"], "Jazz and 1 other event"),
        (["Jazz", "Blues", "Funk"], "Jazz and 2 other events"),
    ],
)
def test_an_order_is_called_by_its_events(titles, shown):
    assert emails.titles_of(titles) == shown
