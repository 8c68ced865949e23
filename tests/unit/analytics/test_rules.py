"""Which days an answer covers, and where a view came from."""

from datetime import date
from typing import Any

import pytest

from boxoffice.analytics import rules
from boxoffice.analytics.models import Period, ViewRequest
from boxoffice.errors import Invalid

TODAY = date(2026, 6, 15)


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        (None, None, (date(2026, 6, 6), TODAY)),
        (date(2026, 6, 14), None, (date(2026, 6, 14), TODAY)),
        (date(2026, 7, 1), None, (date(2026, 7, 1), date(2026, 7, 1))),
        (date(2020, 1, 1), None, (date(2020, 1, 1), date(2020, 12, 31))),  # 366 days of a leap year
        (None, date(2025, 12, 31), (date(2025, 12, 22), date(2025, 12, 31))),
        (TODAY, TODAY, (TODAY, TODAY)),
        (date(2024, 1, 1), date(2024, 12, 31), (date(2024, 1, 1), date(2024, 12, 31))),
    ],
)
def test_a_period_has_two_ends(since: date | None, until: date | None, days: tuple[date, date]) -> None:
    assert rules.period_of(since, until, TODAY, default_days=10) == Period(*days)


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [(date(2026, 6, 2), date(2026, 6, 1), "until"), (date(2025, 6, 1), date(2026, 6, 2), "since")],
)
def test_a_period_is_in_order_and_no_longer_than_a_year(since: date, until: date, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.period_of(since, until, TODAY, default_days=10)

    assert refused.value.errors[0]["loc"] == ["query", field]


@pytest.mark.parametrize(
    ("view", "source"),
    [
        ({}, None),
        ({"source": "Spring MAILING"}, "spring mailing"),
        ({"source": "Straße"}, "strasse"),
        ({"source": "نوروز ۱۴۰۵"}, "نوروز ۱۴۰۵"),
        ({"source": "ß" * 60}, "s" * 60),  # the small letters of sixty characters can be more
        ({"referrer": "https://www.Example.com:8443/a?utm_source=b"}, "example.com"),
        ({"referrer": "https://bücher.example/"}, "xn--bcher-kva.example"),  # in ASCII by IDNA
        ({"referrer": "https://shop.example.org/e/jazz"}, None),
        ({"referrer": "http://[2001:db8::1]/"}, "2001:db8::1"),
        ({"referrer": "https://ada:secret@example.com/"}, "example.com"),
        ({"referrer": "javascript:alert(1)"}, None),
        ({"source": "poster", "referrer": "https://example.com"}, "poster"),
    ],
)
def test_a_view_came_from_a_campaign_or_a_host(view: dict[str, Any], source: str | None) -> None:
    assert rules.source_of(ViewRequest.model_validate(view), "https://shop.example.org") == source
