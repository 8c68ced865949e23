"""Texts, order numbers and titles as emails show them."""

import pytest

from boxoffice import emails
from boxoffice.ids import shown_order_number


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
