"""Dates and times as people read them: on the clock of a venue, with its city and its distance from UTC.

They are in the language of `languages.written_in`, by Unicode's locale data.

The names that libraries have for time zones are guesses: Dublin's summer is "Greenwich Mean Time" in one of them.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_A_NIGHT = timedelta(hours=12)  # What ends so soon needs no second date: "22:00 – 04:00"
_NO_ZONE = "Factory"  # a name in the database for clocks that nobody has set


class Dated(Protocol):
    """Something that takes place somewhere: an event, or a ticket for one."""

    @property
    def city(self) -> str: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def doors_open_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class TimeAndPlace:
    """When and where an event is, as emails and calendars show it."""

    venue_name: str
    venue_address: str
    city: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    doors_open_at: datetime | None


@dataclass(frozen=True)
class When:
    """When something takes place, as text.

    Attributes:
        span: from when until when: ``Saturday 27 June 2026, 19:30 – 23:00``.
        clock: whose time that is: ``Lagos, UTC+01:00``.
        doors: when the doors open: ``Doors 18:30``. None if nobody has said.
    """

    span: str
    clock: str
    doors: str | None

    @property
    def lines(self) -> list[str]:
        """``Saturday 27 June 2026, 19:30 – 23:00 (Lagos, UTC+01:00)``, then the doors if they are known."""
        span = f"{self.span} ({self.clock})"
        return [span, self.doors] if self.doors else [span]

    @property
    def text(self) -> str:
        """All of it in one line: ``Saturday 27 June 2026, 19:30 – 23:00 (Lagos, UTC+01:00). Doors 18:30``."""
        return ". ".join(self.lines)


def when_of(event: Dated) -> When:
    """Return when something takes place, on the clock of its city."""
    zone = zone_of(event.time_zone)
    start, end = event.starts_at.astimezone(zone), event.ends_at.astimezone(zone)
    doors = _doors(event.doors_open_at.astimezone(zone), start) if event.doors_open_at else None
    if start.utcoffset() != end.utcoffset():
        return When(f"{_date(start)}, {_time(start)} – {_date(end)}, {_time(end)}", event.city, doors)
    ends_that_night = end.date() == start.date() or end - start < _A_NIGHT
    until = _clock(end) if ends_that_night else f"{_date(end)}, {_clock(end)}"
    return When(f"{_date(start)}, {_clock(start)} – {until}", f"{event.city}, {_offset(start)}", doors)


def moment_of(moment: datetime, event: Dated) -> str:
    """Return a moment on the clock of an event's city: ``Saturday 27 June 2026, 19:30 (Lagos, UTC+01:00)``."""
    local = moment.astimezone(zone_of(event.time_zone))
    return f"{_date(local)}, {_clock(local)} ({event.city}, {_offset(local)})"


def in_utc(moment: datetime) -> str:
    """Return a moment that belongs to no city: ``Saturday 27 June 2026, 18:30 UTC``."""
    local = moment.astimezone(UTC)
    return f"{_date(local)}, {_clock(local)} UTC"


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones that there are."""
    from importlib.resources import files

    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - {_NO_ZONE}


@cache
def zone_of(name: str) -> "ZoneInfo":
    """Return a time zone, of those that `zones` names.

    It comes from the library tzdata. What a machine has of its own may be older, or nothing at all.
    """
    from importlib.resources import files
    from zoneinfo import ZoneInfo

    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def _doors(doors: datetime, start: datetime) -> str:
    from boxoffice.languages import gettext  # whoever scans has no need of it

    moment = _clock(doors) if doors.utcoffset() == start.utcoffset() else _time(doors)
    return gettext("Doors %(time)s", time=moment if doors.date() == start.date() else f"{_date(doors)}, {moment}")


def _date(local: datetime) -> str:
    return _date_in(_locale(), local.date())


def _clock(local: datetime) -> str:
    return _clock_in(_locale(), local.time().replace(second=0, microsecond=0))


def _time(local: datetime) -> str:
    return f"{_clock(local)} {_offset(local)}"


def _offset(local: datetime) -> str:
    return f"UTC{local:%:z}"


def _locale() -> str:
    from boxoffice.languages import current

    return current().dates


@lru_cache(maxsize=1024)  # in a sale, hundreds of emails name the same few days
def _date_in(locale: str, day: date) -> str:
    """Return a day with its weekday, as people write it: ``Saturday 27 June 2026``."""
    from babel.dates import format_date

    return format_date(day, "full", locale)


@lru_cache(maxsize=1024)
def _clock_in(locale: str, clock: time) -> str:
    """Return a time of day, as people write it: ``19:30``."""
    from babel.dates import format_time

    return format_time(clock, "short", locale=locale)
