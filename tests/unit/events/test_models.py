"""The types of an event's fields."""

from importlib.resources import files
from string import ascii_uppercase
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice.events.models import Category, Country, ImageUrl, TimeZone
from boxoffice.models import Currency


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
        (Category, ["concert", " Bar "], ["", " ", "\n", "c" * 51]),
    ],
)
def test_codes_and_names_of_standards_are_checked(kind: Any, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []


def test_the_countries_are_those_of_iso_3166_and_kosovo() -> None:
    table = files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text()
    published = {line.split("\t")[0] for line in table.splitlines() if not line.startswith("#")}

    codes = {first + second for first in ascii_uppercase for second in ascii_uppercase}

    assert len(published) == 249
    assert {code for code in codes if accepts(Country, code)} == published | {"XK"}


def test_a_category_is_stored_in_lower_case() -> None:
    assert TypeAdapter(Category).validate_python(" Live Music ") == "live music"
