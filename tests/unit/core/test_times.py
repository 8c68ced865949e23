"""When an event is, as emails and tickets say it. The offsets are pytz's, or from the laws of the places."""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
import pytz

from boxoffice.times import in_utc, moment_of, when_of, zone_of, zones


@dataclass(frozen=True)
class Event:
    starts_at: datetime
    ends_at: datetime
    doors_open_at: datetime | None = None
    city: str = "Dublin"
    time_zone: str = "Europe/Dublin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (
            Event(utc("2026-06-27 18:30"), utc("2026-06-27 22:00"), None, "Lagos", "Africa/Lagos"),
            ["Saturday 27 June 2026, 19:30 – 23:00 (Lagos, UTC+01:00)"],
        ),
        (  # a festival of two days
            Event(utc("2026-08-14 17:00"), utc("2026-08-16 22:00"), utc("2026-08-14 16:00")),
            ["Friday 14 August 2026, 18:00 – Sunday 16 August 2026, 23:00 (Dublin, UTC+01:00)", "Doors 17:00"],
        ),
        (  # a night: whoever reads it knows which day 04:00 is
            Event(utc("2026-08-14 21:00"), utc("2026-08-15 03:00"), utc("2026-08-14 20:30")),
            ["Friday 14 August 2026, 22:00 – 04:00 (Dublin, UTC+01:00)", "Doors 21:30"],
        ),
        (  # a night and a day
            Event(utc("2026-08-14 21:00"), utc("2026-08-15 09:00")),
            ["Friday 14 August 2026, 22:00 – Saturday 15 August 2026, 10:00 (Dublin, UTC+01:00)"],
        ),
        (  # the doors open on the day before
            Event(utc("2026-08-14 07:00"), utc("2026-08-14 11:00"), utc("2026-08-13 16:30")),
            ["Friday 14 August 2026, 08:00 – 12:00 (Dublin, UTC+01:00)", "Doors Thursday 13 August 2026, 17:30"],
        ),
        (  # one moment past midnight there, and the day before in UTC
            Event(utc("2026-06-27 18:30"), utc("2026-06-27 20:00"), None, "東京", "Asia/Tokyo"),
            ["Sunday 28 June 2026, 03:30 – 05:00 (東京, UTC+09:00)"],
        ),
        (  # summer time ends at 02:00, while they dance
            Event(utc("2026-10-24 21:00"), utc("2026-10-25 04:00"), utc("2026-10-24 20:00")),
            [
                "Saturday 24 October 2026, 22:00 UTC+01:00 – Sunday 25 October 2026, 04:00 UTC+00:00 (Dublin)",
                "Doors 21:00",
            ],
        ),
        (  # the doors open in the hour that comes twice, the first time, and the event starts in the second
            Event(utc("2026-10-25 01:45"), utc("2026-10-25 04:00"), utc("2026-10-25 00:30")),
            ["Sunday 25 October 2026, 01:45 – 04:00 (Dublin, UTC+00:00)", "Doors 01:30 UTC+01:00"],
        ),
    ],
)
def test_an_event_has_a_start_an_end_and_doors(event: Event, lines: list[str]) -> None:
    assert when_of(event).lines == lines
    assert when_of(event).text == ". ".join(lines)


@pytest.mark.parametrize(
    ("city", "time_zone", "moment", "shown"),
    [
        ("Dublin", "Europe/Dublin", "2026-07-01 12:00", "Wednesday 1 July 2026, 13:00 (Dublin, UTC+01:00)"),
        ("Dublin", "Europe/Dublin", "2026-01-01 12:00", "Thursday 1 January 2026, 12:00 (Dublin, UTC+00:00)"),
        # Morocco is an hour ahead, but in Ramadan: from 18 February to 19 March in 2026.
        ("Casablanca", "Africa/Casablanca", "2026-03-01 12:00", "Sunday 1 March 2026, 12:00 (Casablanca, UTC+00:00)"),
        (
            "Casablanca",
            "Africa/Casablanca",
            "2026-04-01 12:00",
            "Wednesday 1 April 2026, 13:00 (Casablanca, UTC+01:00)",
        ),
        # Summer time of half an hour
        ("Lord Howe", "Australia/Lord_Howe", "2026-07-01 12:00", "Wednesday 1 July 2026, 22:30 (Lord Howe, UTC+10:30)"),
        (
            "Lord Howe",
            "Australia/Lord_Howe",
            "2026-01-01 12:00",
            "Thursday 1 January 2026, 23:00 (Lord Howe, UTC+11:00)",
        ),
        ("Waitangi", "Pacific/Chatham", "2026-07-01 12:00", "Thursday 2 July 2026, 00:45 (Waitangi, UTC+12:45)"),
        ("Waitangi", "Pacific/Chatham", "2026-01-01 12:00", "Friday 2 January 2026, 01:45 (Waitangi, UTC+13:45)"),
        ("काठमाडौँ", "Asia/Kathmandu", "2026-07-01 12:00", "Wednesday 1 July 2026, 17:45 (काठमाडौँ, UTC+05:45)"),
        ("St. John’s", "America/St_Johns", "2026-07-01 12:00", "Wednesday 1 July 2026, 09:30 (St. John’s, UTC-02:30)"),
        # A name that is new, and one that is old
        ("Київ", "Europe/Kyiv", "2026-07-01 12:00", "Wednesday 1 July 2026, 15:00 (Київ, UTC+03:00)"),
        ("Kiev", "Europe/Kiev", "2026-07-01 12:00", "Wednesday 1 July 2026, 15:00 (Kiev, UTC+03:00)"),
        # Since 2022 it keeps the time of El Paso, with summer time.
        ("Juárez", "America/Ciudad_Juarez", "2026-07-01 12:00", "Wednesday 1 July 2026, 06:00 (Juárez, UTC-06:00)"),
        ("Juárez", "America/Ciudad_Juarez", "2026-01-01 12:00", "Thursday 1 January 2026, 05:00 (Juárez, UTC-07:00)"),
    ],
)
def test_a_moment_is_on_the_clock_of_the_city(city: str, time_zone: str, moment: str, shown: str) -> None:
    event = Event(utc(moment), utc(moment) + timedelta(hours=1), None, city, time_zone)

    assert moment_of(utc(moment), event) == shown


def test_a_moment_that_belongs_to_no_city_is_in_utc() -> None:
    assert in_utc(utc("2026-06-27 18:30")) == "Saturday 27 June 2026, 18:30 UTC"


def test_every_zone_that_an_event_may_have_prints_as_another_library_reads_it() -> None:
    assert zones() == frozenset(pytz.all_timezones)
    for moment in (utc("1999-05-05 01:00"), utc("2026-01-15 12:00"), utc("2026-03-01 12:00"), utc("2030-07-15 23:30")):
        for name in pytz.all_timezones:
            theirs = moment.astimezone(pytz.timezone(name))
            date = f"{theirs:%A %d %B %Y}".replace(" 0", " ")
            sign_and_hours, minutes = f"{theirs:%z}"[:3], f"{theirs:%z}"[3:]
            shown = f"{date}, {theirs:%H:%M} (X, UTC{sign_and_hours}:{minutes})"
            assert moment_of(moment, Event(moment, moment, None, "X", name)) == shown


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "Factory", "posix/Europe/Dublin", "right/UTC", "Lagos", "europe/dublin"]
)
def test_what_only_a_machine_calls_a_zone_is_none(name: str) -> None:
    assert name not in zones()


@pytest.fixture
def machine_with_wrong_zones(tmp_path: Path) -> Iterator[None]:
    """A machine whose own database says that Dublin keeps the time of Tokyo."""
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Dublin").write_bytes(files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    zoneinfo.reset_tzpath([str(tmp_path)])
    zone_of.cache_clear()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("machine_with_wrong_zones")
def test_zones_come_from_the_layer_and_not_from_the_machine() -> None:
    assert zoneinfo.ZoneInfo.no_cache("Europe/Dublin").utcoffset(utc("2026-07-01 12:00")) == timedelta(hours=9)

    assert zone_of("Europe/Dublin").utcoffset(utc("2026-07-01 12:00")) == timedelta(hours=1)
