"""When messages are tried, and how things are written in them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from boxoffice import times
from boxoffice.ids import shown_order_number
from boxoffice.messaging import rules
from boxoffice.messaging.errors import NotOurMessage

MESSAGE = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b007")


def test_a_record_names_its_message():
    assert rules.message_id_of(f'{{"outbox_id": "{MESSAGE}"}}') == MESSAGE


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"outbox_id": null}',
        '{"outbox_id": 7}',
        '{"outbox_id": "x"}',
        "[" * 100_000,
    ],
    ids=lambda body: body[:20],
)
def test_a_record_that_names_no_message_is_poison(body):
    with pytest.raises(NotOurMessage):
        rules.message_id_of(body)


def test_waits_grow_until_the_message_is_given_up():
    waits = [rules.wait_after(attempts) for attempts in range(1, 7)]
    assert waits == [*(timedelta(minutes=minutes) for minutes in (1, 5, 25, 125)), None, None]


def test_text_for_a_header_has_no_line_breaks_and_no_control_characters():
    assert rules.one_line("Jazz\r\nBcc: x@example.com\x00\x1b\u2028 & \u202eblues") == "Jazz Bcc: x@example.com & blues"
    assert rules.one_line("Ẹ̀kọ́, 東京 🎷") == "Ẹ̀kọ́, 東京 🎷"


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
def test_a_date_is_shown_on_the_clock_of_the_venue(time_zone, shown):
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
    assert rules.titles_of(titles) == shown


def test_an_address_gets_an_ascii_domain():
    assert rules.ascii_address("ada@bücher.example") == "ada@xn--bcher-kva.example"
    assert rules.ascii_address("ada+jazz@example.com") == "ada+jazz@example.com"


@pytest.mark.parametrize("address", ["ädä@example.com", "ada@exa mple.ää", "ada@☃☃.-"])
def test_an_address_that_cannot_be_delivered_to_is_refused(address):
    with pytest.raises(ValueError, match=r"\w"):
        rules.ascii_address(address)
