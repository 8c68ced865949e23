"""The names in examples are replaced, wherever they stand."""

import pytest

from boxoffice.examples import example_of, sample_names


def test_names_are_replaced_by_the_given_values() -> None:
    example = example_of("scan_ticket", {"ticket_qr": "BO1:X", "event": "7"})

    assert example.body == {"qr": "BO1:X", "event_id": "7", "gate": "North", "device_id": "phone 1"}


def test_names_are_replaced_inside_a_text_too() -> None:
    assert example_of("create_voucher", sample_names() | {"unique": "x9"}).body["code"] == "early-x9"


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="event"):
        example_of("get_event", {})


def test_a_function_that_needs_nothing_has_an_empty_example() -> None:
    example = example_of("get_health")

    assert (example.path, example.query, example.body, example.event) == ({}, {}, None, None)
