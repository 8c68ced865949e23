"""What an event and a ticket type are made of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from boxoffice.events.models import Category, Country, Currency, ImageUrl, TimeZone
from boxoffice.ticket_types.models import Attributes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Country, ["NG", "GB", "US", "CI"], ["ng", "UK", "EU", "UN", "ZZ", "QO", "001", "", "N"]),
        (Currency, ["NGN", "USD", "JPY", "KWD", "XOF"], ["ngn", "XXX", "XTS", "XAU", "DEM", "BTC", "", "US"]),
        (TimeZone, ["Africa/Lagos", "UTC"], ["africa/lagos", "Lagos", "/etc/passwd", "../UTC", "Africa", "", "a\0b"]),
        (ImageUrl, ["https://example.com/a.jpg?b=c"], ["http://example.com", "//example.com", "https://", "data:,"]),
        (Category, ["concert", " Bar "], ["", " ", "a\nb", "c" * 51]),
    ],
)
def test_names_of_the_world_are_checked(kind: Any, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []


def test_a_category_is_kept_in_lower_case() -> None:
    assert TypeAdapter(Category).validate_python(" Live Music ") == "live music"


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_attributes_are_taken_as_they_are_or_not_at_all(attributes: dict[str, Any]) -> None:
    if accepts(Attributes, attributes):
        assert TypeAdapter(Attributes).validate_python(attributes) == attributes
        text = json.dumps(attributes, allow_nan=False, ensure_ascii=False)
        assert "\\u0000" not in text.replace("\\\\", "")
        text.encode()


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "attributes",
    [
        {"a": "\0"},
        {"\0": "a"},
        {"a": ["\udfff"]},
        {"a": {"b": float("inf")}},
        {"a": [float("nan")]},
        {"a": "x" * 8192},
        nested(9),
        nested(900),
    ],
    ids=lambda value: str(value)[:20],
)
def test_attributes_that_jsonb_cannot_hold_or_nobody_could_read_are_refused(attributes: dict[str, Any]) -> None:
    assert not accepts(Attributes, attributes)


def test_attributes_may_be_nested_and_of_any_kind() -> None:
    assert accepts(Attributes, nested(8))
    assert accepts(Attributes, {"a": [1, 2.5, None, True, "\n", {"b": "é"}]})
