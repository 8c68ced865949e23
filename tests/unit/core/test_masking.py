"""What people at the door see of an address or a phone number."""

import pytest

from boxoffice.masking import masked


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("ada.obi@example.com", "a…@example.com"),
        ("ada@example.com", "a…@example.com"),
        ("ad@example.com", "…@example.com"),
        ("a@example.com", "…@example.com"),
        ("+2348012345678", "…678"),
        ("+3812345", "…345"),
        (None, None),
    ],
)
def test_a_contact_is_masked(contact: str | None, shown: str | None) -> None:
    assert masked(contact) == shown
