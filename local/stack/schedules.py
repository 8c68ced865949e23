"""Schedules, which `sam local` leaves out: calls functions when EventBridge would."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local.stack.account import ACCOUNT, REGION
from local.stack.environments import Outcome
from local.stack.sam import ScheduleTrigger, Template

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
FIRST_YEAR, LAST_YEAR = 1970, 2199  # AWS's own limits
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def start(template: Template, invoke: Callable[[str, str], Outcome]) -> None:
    """Start a thread for each of the template's schedules."""
    for trigger in template.schedule_triggers:
        timer = Timer(trigger, invoke)
        threading.Thread(target=timer.run, daemon=True, name=trigger.expression).start()


class Timer:
    """Calls a function on its schedule. A `rate` calls at once too, for the runs that the stopped stack missed."""

    def __init__(self, trigger: ScheduleTrigger, invoke: Callable[[str, str], Outcome]) -> None:
        self._trigger = trigger
        self._invoke = invoke
        self._times = moments(trigger.expression, datetime.now(UTC))

    def run(self) -> None:
        """Call the function at each moment, without end. Leave out moments that passed during a call."""
        for moment in self._times:
            now = datetime.now(UTC)
            if (wait := (moment - now).total_seconds()) > 0:
                time.sleep(wait)
            elif wait < -1:
                continue
            self._invoke(self._trigger.function, self._event(moment))

    def _event(self, moment: datetime) -> str:
        return self._trigger.payload or json.dumps(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": ACCOUNT,
                "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": [],
                "detail": "{}",
            }
        )


def moments(expression: str, start_at: datetime) -> Iterator[datetime]:
    """Return the moments of an EventBridge schedule, `rate(…)` or `cron(…)`, without end.

    Raises:
        ValueError: it is neither, or uses L, W or #, which are not understood here.
    """
    if rate := RATE.fullmatch(expression):
        return _every(int(rate[1]) * UNITS[rate[2]], start_at)
    if cron := CRON.fullmatch(expression):
        return _matching(Cron.parse(cron.groups()), start_at)
    raise ValueError(f"schedule {expression!r} is neither rate(…) nor cron(…)")


def _every(step: timedelta, start_at: datetime) -> Iterator[datetime]:
    while True:
        yield start_at
        start_at += step


@dataclass(frozen=True)
class Cron:
    """The fields of an AWS cron expression, in UTC, each as the set of its values."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    @classmethod
    def parse(cls, fields: tuple[str, ...]) -> Cron:
        """Read the six fields."""
        minutes, hours, days, months, weekdays, years = fields
        return cls(
            minutes=_values(minutes, 0, 59),
            hours=_values(hours, 0, 23),
            days=_values(days, 1, 31),
            months=_values(months, 1, 12, MONTHS),
            weekdays=_values(weekdays, 1, 7, WEEKDAYS),
            years=_values(years, FIRST_YEAR, LAST_YEAR),
        )

    def matches(self, moment: datetime) -> bool:
        """Return True if the schedule calls in this minute."""
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.day in self.days
            and moment.month in self.months
            and moment.isoweekday() % 7 + 1 in self.weekdays
            and moment.year in self.years
        )


def _values(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """Return the values of one cron field: `*`, `?`, numbers or names, ranges, steps, and lists of these."""
    values: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span in ("*", "?"):
            start_at, end_at = low, high
        else:
            start_at = _number(first, low, names)
            end_at = _number(last, low, names) if last else (high if step else start_at)
        values.update(range(start_at, end_at + 1, int(step or 1)))
    return frozenset(values)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(text) + low if text in names else int(text)


def _matching(cron: Cron, start_at: datetime) -> Iterator[datetime]:
    moment = start_at.replace(second=0, microsecond=0)
    while moment.year <= LAST_YEAR:
        moment += timedelta(minutes=1)
        if cron.matches(moment):
            yield moment
