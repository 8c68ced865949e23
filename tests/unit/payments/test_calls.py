"""How long to pause after a provider got too many calls, whatever its header says."""

import pytest

from boxoffice.payments.calls import too_many_calls


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        ("60", 60),
        ("3600", 60),
        ("0", 1),
        ("-5", 1),
        ("1.5", 1),
        ("soon", 1),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1),
        ("\N{SUPERSCRIPT TWO}", 1),
        ("9" * 5000, 1),
        ("", 1),
        (None, 1),
    ],
)
def test_the_pause(header: str | None, seconds: int) -> None:
    assert too_many_calls("stripe", header).retry_after == seconds
