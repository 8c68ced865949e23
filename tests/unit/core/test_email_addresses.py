"""The email addresses that the API takes."""

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice.models import Email

EMAIL: TypeAdapter[str] = TypeAdapter(Email)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada.Obi+Tickets@Example.COM", "ada.obi+tickets@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("ÀDA@exämple.com", "àda@exämple.com"),
    ],
)
def test_an_address_is_stored_in_lower_case(written: str, stored: str) -> None:
    assert EMAIL.validate_python(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        "ada@example.com\n",
        "\rada@example.com",
        "ada@example.com\r\nBcc: all@example.com",
        "ada@example.com\0",
        "ada@example.com\t",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada@example.com, eve@example.com",
        "ada@example.com\ud800",
        "ada@",
        "@example.com",
        7,
        None,
    ],
)
def test_anything_but_an_address_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        EMAIL.validate_python(written)
