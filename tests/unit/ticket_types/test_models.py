"""The attributes of a ticket type."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from boxoffice.ticket_types.models import Attributes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def accepts(attributes: object) -> bool:
    try:
        TypeAdapter(Attributes).validate_python(attributes)
    except ValidationError:
        return False
    return True


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_attributes_are_stored_unchanged_or_refused(attributes: dict[str, Any]) -> None:
    if accepts(attributes):
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
def test_attributes_that_jsonb_cannot_store_or_that_are_too_large_are_refused(attributes: dict[str, Any]) -> None:
    assert not accepts(attributes)


def test_attributes_can_be_nested_and_of_any_type() -> None:
    assert accepts(nested(8))
    assert accepts({"a": [1, 2.5, None, True, "\n", {"b": "é"}]})
