"""The one way to work something off: jobs that a schedule starts, and workers of a queue.

A job's file says what its steps are: what a unit of work is, how a batch is found, what is done with it. The rest is
here. A unit that raises is set aside: it is logged with its id, counted, and left for a later run, and the others go
on. A broken connection is not the fault of a unit: it ends the run.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db
from boxoffice.errors import Busy
from boxoffice.observability import count, gauge
from boxoffice.telemetry import flush, logger

_BATCH = 50  # units that a job does before it asks if another batch fits in, and before their effects run
_SECONDS_TO_END = 2  # for the effects and the report, if a batch takes longer than it should

type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One kind of work that a job does.

    Attributes:
        name: what the answer and the log call it, and the number of what was done.
        find: lists a batch of units: ids, or objects with an ``id``. It leaves out those that this run has tried in
            vain, whose ids it is given.
        do: does one unit, in a transaction of its own; answers how much was done.
        done: the metric of what was done.
        failed: the metric of the units that raised.
        at_once: ``do`` takes a list of so many units instead, for speed. If that raises, each of them is done alone.
    """

    name: str
    find: Callable[[db.Connection, Collection[Any]], Sequence[Any]]
    do: Callable[[db.Connection, Any], int]
    done: str
    failed: str
    at_once: int | None = None


def job(
    *,
    seconds_to_stop: float = 5,
    backlog: Callable[[db.Connection], Any] | None = None,
    gauges: Mapping[str, str] | None = None,
) -> Callable[[Callable[[], Sequence[Step]]], Handler]:
    """Make a Lambda handler of a function that lists the steps of one run.

    The steps take turns, a batch each, until none of them finds anything or time is up. The next run goes on from
    there. Whatever happens, the job logs and measures at its end what was done, what failed and what is left.

    Args:
        seconds_to_stop: how long before the function's time-out the job begins nothing more. A batch must take less.
        backlog: reads what is left to do: a dataclass, whose fields the answer and the log include.
        gauges: the metrics of the backlog, by field. A field whose name ends in ``seconds`` is a time.
    """

    def declare(steps: Callable[[], Sequence[Step]]) -> Handler:
        @logger.inject_lambda_context
        def handler(_: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            works, clock = [_Work(step) for step in steps()], _Clock(context, seconds_to_stop)
            try:
                _take_turns(works, clock)
            finally:
                report = _report([work.tally for work in works], backlog, gauges or {})
            return report

        return handler

    return declare


def worker(
    *, seconds_to_stop: float, done: str, failed: str
) -> Callable[[Callable[[db.Connection, str], int]], Handler]:
    """Make the Lambda handler of a queue of a function that does what one record says, in autocommit.

    The function takes the record's body and answers how much was done. A record that raises goes back to the queue,
    which brings it again. So do the others when time is up or the database is away.

    Args:
        seconds_to_stop: how long before the function's time-out the worker begins no other record.
        done: the metric of what was done.
        failed: the metric of the records that raised.
    """

    def declare(do: Callable[[db.Connection, str], int]) -> Handler:
        @logger.inject_lambda_context
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            bodies = {record["messageId"]: record["body"] for record in event["Records"]}
            tally, clock = _Tally("done", done, failed), _Clock(context, seconds_to_stop)
            try:
                _work_off(bodies, do, tally, clock)
            except Busy:
                logger.exception("the database is away; the queue brings the records again")
            finally:
                _report([tally])
            return {"batchItemFailures": [{"itemIdentifier": name} for name in bodies]}

        return handler

    return declare


@dataclass(frozen=True)
class _Clock:
    """How long a run may go on."""

    context: LambdaContext
    seconds_to_stop: float

    def is_over(self) -> bool:
        """Return True if no other batch should begin."""
        return self.context.get_remaining_time_in_millis() <= self.seconds_to_stop * 1000

    def must_end(self) -> bool:
        """Return True if not even the batch in hand can go on."""
        return self.context.get_remaining_time_in_millis() <= _SECONDS_TO_END * 1000


@dataclass
class _Tally:
    """How much of one kind of work was done in this run, and how many of its units failed."""

    name: str
    done_metric: str
    failed_metric: str
    done: int = 0
    failed: int = 0

    @contextmanager
    def isolated(self, conn: db.Connection, unit_id: object) -> Iterator[None]:
        """Set a unit aside if the block raises.

        Raises:
            psycopg.Error: the connection is broken, which is not the fault of the unit.
        """
        try:
            yield
        except Exception:
            if conn.closed:
                raise
            self.failed += 1
            logger.exception("unit failed", extra={"step": self.name, "unit_id": str(unit_id)})


class _Work:
    """A step in this run, and the ids of the units that it leaves for a later one."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.tally = _Tally(step.name, step.done, step.failed)
        self._left: set[Any] = set()

    def do_batch(self, clock: _Clock) -> bool:
        """Find units and do them, as far as there is time. Returns False if there were none, or no time."""
        if clock.is_over():
            return False
        with db.autocommit() as conn:
            found = self.step.find(conn, self._left)
        assert self._left.isdisjoint(map(_id_of, found)), f"{self.step.name}: found what was to be left out"
        for units in batched(found, self.step.at_once or _BATCH):  # noqa: B911 - the last batch is shorter
            with db.autocommit() as conn:
                self._do(conn, units, clock)
            if clock.is_over():
                break
        return bool(found)

    def _do(self, conn: db.Connection, units: Sequence[Any], clock: _Clock) -> None:
        if self.step.at_once is None:
            for unit in units:
                if clock.must_end():
                    break
                with self.tally.isolated(conn, _id_of(unit)):
                    self._commit(conn, unit, [unit])
        elif not self._do_at_once(conn, units):
            for unit in units:
                if clock.is_over():
                    break
                with self.tally.isolated(conn, _id_of(unit)):
                    self._commit(conn, [unit], [unit])

    def _do_at_once(self, conn: db.Connection, units: Sequence[Any]) -> bool:
        """Do units in one transaction. Returns False if that raised."""
        try:
            self._commit(conn, list(units), units)
        except Exception:
            if conn.closed:
                raise
            logger.warning("batch failed; each unit is done alone", exc_info=True, extra={"step": self.step.name})
            return False
        return True

    def _commit(self, conn: db.Connection, argument: Any, units: Sequence[Any]) -> None:
        """Do units in a transaction. They are left for a later run if it raises, or does less than there are units."""
        ids = [_id_of(unit) for unit in units]
        self._left.update(ids)
        with conn.transaction():
            done = self.step.do(conn, argument)
        self.tally.done += done
        if done >= len(units):
            self._left.difference_update(ids)


def _take_turns(works: Sequence[_Work], clock: _Clock) -> None:
    """Do a batch of each step, round after round. A unit that is found was not tried in vain, and time ends it all."""
    found = 1
    while found:
        found = sum(work.do_batch(clock) for work in works)


def _work_off(bodies: dict[str, str], do: Callable[[db.Connection, str], int], tally: _Tally, clock: _Clock) -> None:
    """Do what records say, and take those that are done out of ``bodies``."""
    with db.autocommit() as conn:
        for name, body in [*bodies.items()]:
            if clock.is_over():
                break
            with tally.isolated(conn, body):
                tally.done += do(conn, body)
                del bodies[name]


def _report(
    tallies: Sequence[_Tally],
    backlog: Callable[[db.Connection], Any] | None = None,
    gauges: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Log and measure what has become of a run; answers it."""
    report: dict[str, Any] = {tally.name: tally.done for tally in tallies}
    report["units_failed"] = sum(tally.failed for tally in tallies)
    count("UnitsFailed", report["units_failed"])
    for tally in tallies:
        count(tally.done_metric, tally.done)
        count(tally.failed_metric, tally.failed)
    try:
        if backlog is not None:
            with db.autocommit() as conn:
                report |= vars(backlog(conn))
        for field, metric in (gauges or {}).items():
            gauge(metric, report[field], "Seconds" if field.endswith("seconds") else "Count")
    finally:
        logger.info("run ended", extra=report)
        flush()
    return report


def _id_of(unit: Any) -> Any:
    """The id of a unit, which may be the unit itself."""
    return getattr(unit, "id", unit)
