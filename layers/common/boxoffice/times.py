"""Dates and times as people read them."""

from datetime import datetime
from functools import lru_cache


def date_of(moment: datetime, time_zone: str) -> str:
    """The date on the venue's calendar: ``Saturday 21 November 2026``."""
    return _shown(moment, time_zone, "EEEE d MMMM y")


def time_of(moment: datetime, time_zone: str) -> str:
    """The time on the venue's clock: ``19:00 (West Africa Standard Time)``."""
    return _shown(moment, time_zone, "HH:mm (zzzz)")


def when(moment: datetime, time_zone: str) -> str:
    """Both: ``Saturday 21 November 2026, 19:00 (West Africa Standard Time)``."""
    return f"{date_of(moment, time_zone)}, {time_of(moment, time_zone)}"


@lru_cache(maxsize=256)  # at a sale, the same few events fill hundreds of emails
def _shown(moment: datetime, time_zone: str, pattern: str) -> str:
    from babel.dates import format_datetime, get_timezone

    return format_datetime(moment, pattern, tzinfo=get_timezone(time_zone), locale="en_GB")
