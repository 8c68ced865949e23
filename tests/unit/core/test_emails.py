"""Texts, order numbers and titles as emails show them."""

import pytest

from boxoffice import emails
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
    ("titles", "shown"),
    [
        (["Jazz"], "Jazz"),
        (["Jazz", "Blues"], "Jazz and 1 other event"),
        (["Jazz", "Blues", "Funk"], "Jazz and 2 other events"),
    ],
)
def test_an_order_is_called_by_its_events(titles, shown):
    assert emails.titles_of(titles) == shown
