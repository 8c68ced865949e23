"""Dates and times as people read them."""

from datetime import datetime
from functools import lru_cache


def date_of(moment: datetime, time_zone: str) -> str:
    """Return the date in a time zone: ``Saturday 21 November 2026``."""
    return _shown(moment, time_zone, "EEEE d MMMM y")


def time_of(moment: datetime, time_zone: str) -> str:
    """Return the time in a time zone: ``19:00 (West Africa Standard Time)``."""
    return _shown(moment, time_zone, "HH:mm (zzzz)")


def when(moment: datetime, time_zone: str) -> str:
    """Return date and time: ``Saturday 21 November 2026, 19:00 (West Africa Standard Time)``."""
    return f"{date_of(moment, time_zone)}, {time_of(moment, time_zone)}"


@lru_cache(maxsize=256)  # in a sale, hundreds of emails are about the same few events
def _shown(moment: datetime, time_zone: str, pattern: str) -> str:
    from babel.dates import format_datetime, get_timezone

    return format_datetime(moment, pattern, tzinfo=get_timezone(time_zone), locale="en_GB")
