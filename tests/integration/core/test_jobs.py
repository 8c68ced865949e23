"""All jobs and workers: the turns of their steps, their time, units that raise, and the report at the end."""

import json
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import pytest

from boxoffice import db
from boxoffice.errors import Busy
from boxoffice.jobs import Step, job, queue_job, worker
from tests.helpers.mailbox import batch
from tests.helpers.support import Client, context

pytestmark = pytest.mark.usefixtures("api")


def numbers(most: int) -> Callable[[db.Connection, Collection[int]], list[int]]:
    """Return a function that finds a batch of the numbers that are not stored yet."""

    def find(conn: db.Connection, left: Collection[int]) -> list[int]:
        written = {number for (number,) in conn.execute("SELECT number FROM numbers").fetchall()}
        return [number for number in range(most) if number not in written and number not in left][:100]

    return find


def write(conn: db.Connection, number: int) -> int:
    """Store a number; for 13 this raises."""
    return conn.execute("INSERT INTO numbers VALUES (%s)", [number]).rowcount


def write_all(conn: db.Connection, some: list[int]) -> int:
    return sum(write(conn, number) for number in some)


def step(most: int, do: Callable[[db.Connection, Any], int] = write, **options: Any) -> Step:
    return Step("written", find=numbers(most), do=do, done="Written", failed="NotWritten", **options)


def written() -> int:
    row = db.connect().execute("SELECT count(*) FROM numbers").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(autouse=True)
def _numbers(api: Client) -> None:
    db.connect().execute("CREATE TEMPORARY TABLE numbers (number integer PRIMARY KEY CHECK (number <> 13))")


def looking(times: int) -> Any:
    """Return a context whose time is over after so many looks at the clock."""
    hasty, looks = context(), iter([10_000] * times)
    hasty.get_remaining_time_in_millis = lambda: next(looks, 4_000)
    return hasty


def metrics(output: str) -> dict[str, float]:
    """Return the measured values by metric."""
    (line,) = [json.loads(line) for line in output.splitlines() if "_aws" in line]
    measured = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    return {metric["Name"]: sum(line[metric["Name"]]) for metric in measured}


@pytest.mark.parametrize("options", [{}, {"do": write_all, "at_once": 40}], ids=["alone", "at once"])
def test_one_unit_that_raises_delays_no_other(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run = job()(lambda: [step(1000, **options)])

    assert run({}, context()) == {"written": 999, "units_failed": 1}

    assert written() == 999
    assert metrics(capsys.readouterr().out) == {"UnitsFailed": 1, "Written": 999, "NotWritten": 1}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.message, record.step, record.unit_id) == ("unit failed", "written", "13")  # type: ignore[attr-defined]
    assert "violates check constraint" in str(record.exc_info)


def test_units_are_done_at_once_by_their_weight() -> None:
    """Three units of weight 2 fit into 6, a fourth does not. One of weight 9 is too heavy, and done alone."""
    batches: list[list[int]] = []

    @dataclass(frozen=True)
    class Unit:
        id: int
        weight: int

    units = [*(Unit(number, 2) for number in range(4)), Unit(4, 9), Unit(5, 1)]

    def do(_: db.Connection, some: list[Unit]) -> int:
        batches.append([unit.id for unit in some])
        return len(some)

    def find(_: db.Connection, left: Collection[int]) -> list[Unit]:
        return [] if batches else units

    job()(lambda: [Step("weighed", find=find, do=do, done="Done", failed="NotDone", at_once=6)])({}, context())

    assert batches == [[0, 1, 2], [3], [4], [5]]


def test_a_unit_that_cannot_be_done_is_tried_once_in_a_run() -> None:
    tried: list[int] = []

    def try_in_vain(_: db.Connection, number: int) -> int:
        tried.append(number)
        return 0

    run = job()(lambda: [step(250, do=try_in_vain)])

    assert run({}, context()) == {"written": 0, "units_failed": 0}
    assert tried == [*range(250)]
    assert run({}, context())["written"] == 0
    assert len(tried) == 500


def test_steps_take_turns() -> None:
    turns: list[str] = []

    def note(name: str) -> Step:
        def find(_: db.Connection, left: Collection[str]) -> list[str]:
            return [] if turns.count(name) == 3 else [name]

        def do(_: db.Connection, unit: str) -> int:
            turns.append(unit)
            return 1

        return Step(name, find=find, do=do, done="Done", failed="NotDone")

    assert job()(lambda: [note("a"), note("b")])({}, context()) == {"a": 3, "b": 3, "units_failed": 0}
    assert turns == ["a", "b"] * 3


def test_each_unit_is_a_transaction_and_a_batch_has_its_effects_once() -> None:
    calls: list[int] = []

    def effect(_: db.Connection, items: list[Any]) -> None:
        calls.append(len(items))

    def do(conn: db.Connection, number: int) -> int:
        conn.after_commit(effect, number)
        return write(conn, number)

    job()(lambda: [step(120, do=do)])({}, context())

    assert calls == [49, 50, 20]  # the thirteenth was rolled back


def test_a_job_that_is_out_of_time_begins_nothing() -> None:
    assert job()(lambda: [step(9)])({}, looking(0)) == {"written": 0, "units_failed": 0}


def test_a_job_whose_time_is_over_ends_after_the_current_batch() -> None:
    run = job()(lambda: [step(300)])

    assert run({}, looking(1)) == {"written": 49, "units_failed": 1}
    assert written() == 49


def test_a_batch_that_takes_too_long_is_cut_short() -> None:
    looks = iter([10_000] * 8)
    hasty = context()
    hasty.get_remaining_time_in_millis = lambda: next(looks, 1_500)

    assert job()(lambda: [step(300)])({}, hasty) == {"written": 7, "units_failed": 0}


def test_units_that_are_done_alone_after_their_batch_failed_look_at_the_clock() -> None:
    run = job()(lambda: [step(300, do=write_all, at_once=40)])

    assert run({}, looking(4))["written"] == 3


def test_a_broken_connection_ends_the_run_with_a_report(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def break_at_seven(conn: db.Connection, number: int) -> int:
        if number == 7:
            conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 1

    with pytest.raises(Busy):
        job()(lambda: [step(100, do=break_at_seven)])({}, context())

    assert metrics(capsys.readouterr().out) == {"UnitsFailed": 0, "Written": 7, "NotWritten": 0}
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == []


def test_a_step_that_cannot_find_its_units_ends_the_run_with_a_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: db.Connection, left: Collection[int]) -> list[int]:
        raise LookupError

    lost = Step("lost", find=fail, do=write, done="Found", failed="NotFound")
    run = job(backlog=backlog, gauges={"waiting": "Waiting", "oldest_seconds": "OldestAge"})(lambda: [step(50), lost])

    with pytest.raises(LookupError):
        run({}, context())

    measured = metrics(capsys.readouterr().out)
    assert measured == {
        "UnitsFailed": 1,
        "Written": 49,
        "NotWritten": 1,
        "Found": 0,
        "NotFound": 0,
        "Waiting": 49,
        "OldestAge": 1.5,
    }


@dataclass(frozen=True)
class Backlog:
    waiting: int
    oldest_seconds: float


def backlog(conn: db.Connection) -> Backlog:
    return Backlog(written(), 1.5)


def test_what_is_left_to_do_is_in_the_answer() -> None:
    run = job(backlog=backlog)(lambda: [step(3)])

    assert run({}, context()) == {"written": 3, "units_failed": 0, "waiting": 3, "oldest_seconds": 1.5}


def test_without_a_backlog_the_other_metrics_are_still_written(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: db.Connection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        job(backlog=fail)(lambda: [step(3)])({}, context())

    assert metrics(capsys.readouterr().out)["Written"] == 3


def test_a_step_that_finds_units_it_was_to_leave_out_is_stopped() -> None:
    stubborn = Step("stubborn", find=lambda *_: [1], do=lambda *_: 0, done="Done", failed="NotDone")

    with pytest.raises(AssertionError, match="stubborn"):
        job()(lambda: [stubborn])({}, context())


class TestWorker:
    def work(self, do: Callable[[db.Connection, str], int], *bodies: str, context: Any) -> list[str]:
        """Return the bodies of the records that go back to the queue."""
        answer = worker(seconds_to_stop=5, done="Done", failed="NotDone")(do)(batch(*bodies), context)
        return [bodies[int(item["itemIdentifier"])] for item in answer["batchItemFailures"]]

    def test_a_record_that_raises_goes_back_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        left = self.work(lambda conn, body: write(conn, int(body)), *map(str, range(10, 20)), context=context())

        assert left == ["13"]
        assert metrics(capsys.readouterr().out) == {"UnitsFailed": 1, "Done": 9, "NotDone": 1}

    def test_a_record_without_time_goes_back_and_is_not_counted_as_failed(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.work(lambda conn, body: 1, "a", "b", "c", context=looking(1)) == ["b", "c"]
        assert metrics(capsys.readouterr().out) == {"UnitsFailed": 0, "Done": 1, "NotDone": 0}

    def test_when_the_connection_breaks_the_other_records_go_back_untried(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tried = []

        def do(conn: db.Connection, body: str) -> int:
            tried.append(body)
            if body == "b":
                conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return 1

        assert self.work(do, "a", "b", "c", context=context()) == ["b", "c"]
        assert tried == ["a", "b"]
        assert metrics(capsys.readouterr().out) == {"UnitsFailed": 0, "Done": 1, "NotDone": 0}


class TestAQueueJob:
    def handle(self, *bodies: str, context: Any = None) -> dict[str, Any]:
        handler = queue_job(seconds_to_stop=5)(lambda body: [step(int(body))])
        return dict(handler(batch(*bodies), context or looking(1000)))

    def test_each_record_says_where_to_look(self) -> None:
        assert self.handle("5", "12")["written"] == 7, "the last step of a name tells"
        assert written() == 12

    def test_its_records_are_done_even_if_units_are_left(self) -> None:
        answer = self.handle("20")

        assert answer["batchItemFailures"] == []
        assert (answer["written"], answer["units_failed"], written()) == (19, 1, 19)

    def test_it_stops_in_time(self) -> None:
        self.handle("300", context=looking(60))

        assert 0 < written() < 300

    def test_the_queue_delivers_a_record_again_that_nobody_understands(self) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            self.handle("seven")
