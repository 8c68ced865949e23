"""Identifiers."""

from datetime import UTC, datetime

from boxoffice.ids import first_id, new_id, new_order_number, normalise_order_number


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
