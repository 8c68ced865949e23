"""Identifiers."""

from datetime import UTC, datetime

import pytest

from boxoffice.ids import first_id, new_id, new_order_number, normalise_order_number

ALPHABET = "23456789BCDFGHJKMNPQRTVWXZ"


def test_ids_are_version_7_and_each_is_greater_than_the_one_before() -> None:
    ids = [new_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert {(made.version, made.variant) for made in ids} == {(7, "specified in RFC 4122")}


def test_an_id_is_not_less_than_the_first_id_of_its_moment() -> None:
    before = datetime.now(UTC)

    assert first_id(before) <= new_id()
    assert first_id(datetime(2200, 1, 1, tzinfo=UTC)) > new_id()
    assert first_id(datetime(2026, 1, 1, tzinfo=UTC)).version == 7


def test_an_order_number_can_be_read_aloud_and_typed() -> None:
    number = new_order_number()

    assert len(number) == 8
    assert not set(number) & set("01AEILOSUY")
    assert normalise_order_number(f" {number[:4].lower()}-{number[4:].lower()} ") == number


@pytest.mark.parametrize(
    "spelling",
    [
        "K7QW3MPX",
        "#K7QW-3MPX",
        "k7qw 3mpx",
        "K7QW_3MPX",
        "K 7 Q W 3 M P X",
        "Order K7QW-3MPX",
        "order no. k7qw3mpx, thanks",
        "Nr K7QW-3MPX",
        "THX BRGDS K7QW-3MPX",
        "REF:K7QW-3MPX/2026",
        "K7QW\N{EN DASH}3MPX",
        "(K7QW\N{EM DASH}3MPX)",
        "K7QW\N{NON-BREAKING HYPHEN}3MPX",
        "K7QW\N{MINUS SIGN}3MPX",
        "K7QW\N{NO-BREAK SPACE}3MPX",
        "K7QW\N{ZERO WIDTH SPACE}-3MPX",
        "\N{RIGHT-TO-LEFT MARK}K7QW-3MPX",
        "".join(chr(ord(each) + 0xFEE0) for each in "K7QW-3MPX"),  # full width
        "K\N{EXTENDED ARABIC-INDIC DIGIT SEVEN}QW-\N{EXTENDED ARABIC-INDIC DIGIT THREE}MPX",  # a Persian keyboard
    ],
)
def test_an_order_number_is_read_in_any_spelling(spelling: str) -> None:
    assert normalise_order_number(spelling) == "K7QW3MPX"


@pytest.mark.parametrize(("typed", "meant"), [("S7QW-3MPX", "57QW3MPX"), ("K7QU-3MPS", "K7QV3MP5")])
def test_characters_of_no_order_number_are_read_as_what_they_look_like(typed: str, meant: str) -> None:
    assert normalise_order_number(typed) == meant


@pytest.mark.parametrize("other", ["", "K7QW-3MP", "K7QW-3MPXX", "no number at all", "K7QW-3MP0", "' OR true; --"])
def test_a_text_without_an_order_number_becomes_none(other: str) -> None:
    assert len(normalise_order_number(other)) != 8 or not set(normalise_order_number(other)) <= set(ALPHABET)
