"""What calls functions besides HTTP, and what `sam local` leaves out: SQS event sources and schedules."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.stack import aws
from local.stack.account import ACCOUNT, REGION
from local.stack.environments import PER_FUNCTION, Outcome
from local.stack.sam import QueueTrigger, ScheduleTrigger, Template

Invoke = Callable[[str, str], Outcome]

POLL_SECONDS = 20
RETRY_SECONDS = 0.5
LARGEST_RECEIVE = 10  # SQS's own limit; larger batches are gathered by several receives
UNITS = {"minute": 60, "hour": 3600, "day": 86400}
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def start(template: Template, endpoint: str, invoke: Invoke) -> None:
    """Starts a thread for each schedule, and for each batch of a queue that may be in hand at once."""
    for trigger in template.queue_triggers:
        consumer = Consumer(trigger, endpoint, invoke)
        for _ in range(min(trigger.concurrency, PER_FUNCTION)):
            threading.Thread(target=consumer.run, daemon=True, name=trigger.queue).start()
    for schedule in template.schedule_triggers:
        timer = Timer(schedule, invoke)
        threading.Thread(target=timer.run, daemon=True, name=schedule.expression).start()


class Consumer:
    """An event source mapping: hands batches of messages to a function and deletes those it dealt with.

    A message that is not deleted becomes visible again when the queue's visibility time-out has passed; the queue
    itself moves it to the dead-letter queue once it was received too often.
    """

    def __init__(self, trigger: QueueTrigger, endpoint: str, invoke: Invoke) -> None:
        self._trigger = trigger
        self._sqs = aws.client("sqs", endpoint)
        self._url = aws.queue_url(endpoint, trigger.queue)
        self._invoke = invoke

    def run(self) -> None:
        """Consumes for ever; waits a little when the queue cannot be reached."""
        while True:
            try:
                messages = self._receive()
                if messages:
                    self._delete(self._deal_with(messages))
            except (BotoCoreError, ClientError):
                time.sleep(RETRY_SECONDS)

    def _receive(self) -> list[dict[str, Any]]:
        """One batch: waits for the first message, then takes what else is there."""
        messages: list[dict[str, Any]] = []
        wait_seconds = POLL_SECONDS
        while len(messages) < self._trigger.batch_size:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(LARGEST_RECEIVE, self._trigger.batch_size - len(messages)),
                WaitTimeSeconds=wait_seconds,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = answer.get("Messages", [])
            messages += received
            if len(received) < LARGEST_RECEIVE:
                break
            wait_seconds = 0
        return messages

    def _deal_with(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Calls the function; answers the messages that it has dealt with."""
        records = [self._record(message) for message in messages]
        outcome = self._invoke(self._trigger.function, json.dumps({"Records": records}))
        if outcome.failed:
            return []
        failed = failures(outcome.document) if self._trigger.reports_failures else set()
        known = {message["MessageId"] for message in messages}
        if not failed <= known:  # Lambda takes an unknown id for the failure of the whole batch
            return []
        return [message for message in messages if message["MessageId"] not in failed]

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": message.get("MessageAttributes", {}),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._trigger.queue}",
            "awsRegion": REGION,
        }

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        for start_at in range(0, len(messages), LARGEST_RECEIVE):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start_at : start_at + LARGEST_RECEIVE])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)


def failures(document: str) -> set[str]:
    """The ids of messages that a function reports as failed: `{"batchItemFailures": [{"itemIdentifier": …}]}`."""
    answer = json.loads(document)
    reported = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return {item.get("itemIdentifier", "") for item in reported or []}


class Timer:
    """Calls a function on its schedule. A `rate` starts at once: what fell due while the stack was down is overdue."""

    def __init__(self, trigger: ScheduleTrigger, invoke: Invoke) -> None:
        self._trigger = trigger
        self._invoke = invoke
        self._times = moments(trigger.expression, datetime.now(UTC))

    def run(self) -> None:
        """Calls for ever; runs that fell due during a call are left out."""
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


def moments(expression: str, start_at: datetime) -> Iterable[datetime]:
    """The moments of an EventBridge schedule, `rate(…)` or `cron(…)`, without end.

    Raises:
        ValueError: it is neither, or uses L, W or #, which only AWS understands.
    """
    if rate := RATE.fullmatch(expression):
        return _every(timedelta(seconds=int(rate[1]) * UNITS[rate[2]]), start_at)
    if cron := CRON.fullmatch(expression):
        return _matching(Cron.parse(cron.groups()), start_at)
    raise ValueError(f"schedule {expression!r} is neither rate(…) nor cron(…)")


def _every(step: timedelta, start_at: datetime) -> Iterable[datetime]:
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
    def parse(cls, fields: Iterable[str]) -> Cron:
        minutes, hours, days, months, weekdays, years = fields
        return cls(
            minutes=_values(minutes, 0, 59),
            hours=_values(hours, 0, 23),
            days=_values(days, 1, 31),
            months=_values(months, 1, 12, MONTHS),
            weekdays=_values(weekdays, 1, 7, WEEKDAYS),
            years=_values(years, 1970, 2199),
        )

    def matches(self, moment: datetime) -> bool:
        return (
            moment.minute in self.minutes
            and moment.hour in self.hours
            and moment.day in self.days
            and moment.month in self.months
            and moment.isoweekday() % 7 + 1 in self.weekdays
            and moment.year in self.years
        )


def _values(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """The values of one cron field: `*`, `?`, numbers or names, ranges, steps, and lists of these."""
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


def _matching(cron: Cron, start_at: datetime) -> Iterable[datetime]:
    moment = start_at.replace(second=0, microsecond=0)
    while True:
        moment += timedelta(minutes=1)
        if cron.matches(moment):
            yield moment
