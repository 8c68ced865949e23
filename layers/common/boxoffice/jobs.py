"""Jobs, which a schedule starts, and workers, which take the records of a queue.

A job's file names its steps. Each says how to find a batch of units, and how to do one of them. This module runs them.
If a unit raises, the run logs its id, counts it and leaves it for a later run, and goes on with the other units. A
broken connection is not the fault of a unit, so it ends the run.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice import db
from boxoffice.errors import Busy
from boxoffice.observability import count, gauge
from boxoffice.telemetry import flush, logger

_BATCH = 50  # units that a job does before their effects run and it looks at the time
_SECONDS_TO_END = 2  # left for the effects and the report, if a batch takes too long

type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One kind of work that a job does.

    Attributes:
        name: the name of the step in the answer and in the log.
        find: lists a batch of units: ids, or objects with an ``id``. Its second argument has the ids of units to leave
            out: in this run they have raised, or ``do`` has returned 0 for them.
        do: does one unit, in a transaction of its own, and returns how much it has done.
        done: the metric that counts what was done.
        failed: the metric that counts the units that raised.
        at_once: if set, ``do`` takes a list of units, for speed, which weigh at most so much together. A unit weighs 1,
            or has a ``weight``. If that raises, ``do`` does each alone.
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
    """Make the Lambda handler of a job from a function that lists its steps.

    The steps take turns, a batch each, until none of them finds a unit or the time is over. The next run goes on from
    there. At its end, even after an error, a run logs and measures what was done, what failed and what is left.

    Args:
        seconds_to_stop: how long before the function's time-out the job begins no other batch. A batch must take less.
        backlog: reads what is left to do, as a dataclass. The answer and the log have its fields.
        gauges: the metrics of the backlog, by field. A field whose name ends in ``seconds`` is a time.
    """

    def declare(steps: Callable[[], Sequence[Step]]) -> Handler:
        @logger.inject_lambda_context
        def handler(_: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            return _run(steps(), _Clock(context, seconds_to_stop), backlog, gauges or {})

        return handler

    return declare


def queue_job(*, seconds_to_stop: float) -> Callable[[Callable[[str], Sequence[Step]]], Handler]:
    """Make the Lambda handler of a job that the records of a queue start, from a function that lists its steps.

    The function takes the body of a record, which says where to look for units. A record is done at the end of the run,
    even if units are left: a later record leads to them. If the run raises, the queue delivers its records again.

    Args:
        seconds_to_stop: how long before the function's time-out the job begins no other batch.
    """

    def declare(steps: Callable[[str], Sequence[Step]]) -> Handler:
        @logger.inject_lambda_context
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            all_steps = [step for record in event["Records"] for step in steps(record["body"])]
            report = _run(all_steps, _Clock(context, seconds_to_stop))
            return {**report, "batchItemFailures": []}

        return handler

    return declare


def worker(
    *, seconds_to_stop: float, done: str, failed: str
) -> Callable[[Callable[[db.Connection, str], int]], Handler]:
    """Make the Lambda handler of a worker from a function that handles one record, in autocommit.

    The function takes the body of the record and returns how much it has done. If it raises, the record goes back to
    the queue, which delivers it again. If the time is over or the database is away, the other records go back too.

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
                _handle_records(bodies, do, tally, clock)
            except Busy:
                logger.exception("the database is away; the queue delivers the records again")
            finally:
                _report([tally])
            return {"batchItemFailures": [{"itemIdentifier": name} for name in bodies]}

        return handler

    return declare


@dataclass(frozen=True)
class _Clock:
    """The time that a run has left."""

    context: LambdaContext
    seconds_to_stop: float

    def is_over(self) -> bool:
        """Return True if no other batch may begin."""
        return self.context.get_remaining_time_in_millis() <= self.seconds_to_stop * 1000

    def must_end(self) -> bool:
        """Return True if even the current batch must stop."""
        return self.context.get_remaining_time_in_millis() <= _SECONDS_TO_END * 1000


@dataclass
class _Tally:
    """How much a step has done in this run, and how many of its units failed."""

    name: str
    done_metric: str
    failed_metric: str
    done: int = 0
    failed: int = 0

    @contextmanager
    def isolated(self, conn: db.Connection, unit_id: object) -> Iterator[None]:
        """Set a unit aside if the block raises.

        Raises:
            psycopg.Error: the connection is broken. That is not the fault of the unit.
        """
        try:
            yield
        except Exception:
            if conn.closed:
                raise
            self.failed += 1
            logger.exception("unit failed", extra={"step": self.name, "unit_id": str(unit_id)})


class _StepRun:
    """A step in this run, with the ids of the units that it leaves for a later run."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.tally = _Tally(step.name, step.done, step.failed)
        self._set_aside: set[Any] = set()

    def do_batch(self, clock: _Clock) -> bool:
        """Find a batch of units and do them while there is time. Return False if there was no unit, or no time."""
        if clock.is_over():
            return False
        with db.autocommit() as conn:
            batch = self.step.find(conn, self._set_aside)
        assert self._set_aside.isdisjoint(map(_id_of, batch)), f"{self.step.name}: found units that were to be left out"
        for units in _batches(batch, self.step.at_once or _BATCH):
            with db.autocommit() as conn:
                self._do_units(conn, units, clock)
            if clock.is_over():
                break
        return bool(batch)

    def _do_units(self, conn: db.Connection, units: Sequence[Any], clock: _Clock) -> None:
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
        """Do units in one transaction. Return False if that raised."""
        try:
            self._commit(conn, list(units), units)
        except Exception:
            if conn.closed:
                raise
            logger.warning("batch failed; each unit is done alone", exc_info=True, extra={"step": self.step.name})
            return False
        return True

    def _commit(self, conn: db.Connection, argument: Any, units: Sequence[Any]) -> None:
        """Do units in a transaction. Leave them for a later run if it raises, or does less than there are units."""
        ids = [_id_of(unit) for unit in units]
        self._set_aside.update(ids)
        with conn.transaction():
            done = self.step.do(conn, argument)
        self.tally.done += done
        if done >= len(units):
            self._set_aside.difference_update(ids)


def _run(
    steps: Sequence[Step],
    clock: _Clock,
    backlog: Callable[[db.Connection], Any] | None = None,
    gauges: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Let the steps take turns. Log, measure and return what the run did."""
    runs = [_StepRun(step) for step in steps]
    try:
        _take_turns(runs, clock)
    finally:
        report = _report([run.tally for run in runs], backlog, gauges)
    return report


def _take_turns(runs: Sequence[_StepRun], clock: _Clock) -> None:
    """Do a batch of each step, round after round, until a round finds nothing.

    This ends: a unit that is done is not found again, and one that was tried in vain is left out. Time ends it all.
    """
    steps_with_units = len(runs)
    while steps_with_units:
        steps_with_units = sum(run.do_batch(clock) for run in runs)


def _handle_records(
    bodies: dict[str, str], do: Callable[[db.Connection, str], int], tally: _Tally, clock: _Clock
) -> None:
    """Handle records, and remove those that are done from ``bodies``."""
    with db.autocommit() as conn:
        for name, body in [*bodies.items()]:
            if clock.is_over():
                break
            with tally.isolated(conn, name):
                tally.done += do(conn, body)
                del bodies[name]


def _report(
    tallies: Sequence[_Tally],
    backlog: Callable[[db.Connection], Any] | None = None,
    gauges: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Log, measure and return the results of a run."""
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


def _batches(units: Sequence[Any], most: int) -> Iterator[list[Any]]:
    """Yield units in batches that weigh at most so much. A unit that is too heavy is a batch of its own."""
    batch: list[Any] = []
    room = most
    for unit in units:
        weight = getattr(unit, "weight", 1)
        if batch and weight > room:
            yield batch
            batch, room = [], most
        batch.append(unit)
        room -= weight
    if batch:
        yield batch


def _id_of(unit: Any) -> Any:
    """Return the id of a unit, which may be the unit itself."""
    return getattr(unit, "id", unit)
