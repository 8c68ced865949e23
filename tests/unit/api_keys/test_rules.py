"""When an API key expires."""

from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.api_keys import rules
from boxoffice.errors import EndOutOfRange

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FIVE_YEARS = timedelta(days=1825)


def test_a_key_expires_in_a_year_unless_the_request_says_when() -> None:
    assert rules.expiry(None, NOW) == datetime(2027, 11, 26, 12, tzinfo=UTC)
    assert rules.expiry(NOW + timedelta(seconds=1), NOW) == NOW + timedelta(seconds=1)
    assert rules.expiry(NOW + FIVE_YEARS, NOW) == NOW + FIVE_YEARS


@pytest.mark.parametrize("after", [timedelta(0), timedelta(days=-1), FIVE_YEARS + timedelta(microseconds=1)])
def test_no_key_expires_in_the_past_or_after_five_years(after: timedelta) -> None:
    with pytest.raises(EndOutOfRange) as refusal:
        rules.expiry(NOW + after, NOW)
    assert refusal.value.facts == {"latest": NOW + FIVE_YEARS}
