"""Races: many callers at once, a watcher beside them, and processes that are killed at a round trip."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import psycopg

from boxoffice import db
from boxoffice.errors import DomainError
from local.stack.postgres import log_of
from tests.helpers import invariants
from tests.helpers.support import Database, as_owner, run_python


def race[T](database: Database, racers: int, act: Callable[[psycopg.Connection, int], T]) -> list[T]:
    """Call ``act`` from so many threads in the same moment, each with a connection and its number."""
    barrier = Barrier(racers)

    def run(number: int) -> T:
        with db.Connection.connect(database.api_url, autocommit=True) as conn:
            barrier.wait(timeout=30)
            return act(conn, number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(run, range(racers)))


def race_in_processes(
    database: Database,
    racers: int,
    act: Callable[[psycopg.Connection, int], Any],
    meanwhile: Callable[[], None] = lambda: None,
) -> list[Any]:
    """Do what `race` does, in so many processes. What ``act`` returns must be JSON. Secrets must have been read.

    Args:
        meanwhile: what this process does while they run.
    """
    start = time.monotonic() + 0.02 * racers
    runs = [_fork_racer(database, start, act, number) for number in range(racers)]
    meanwhile()
    results = []
    for child, output in runs:
        with os.fdopen(output) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        assert status == 0, f"a process failed: {text}"
        results.append(json.loads(text))
    return results


def _fork_racer(
    database: Database, start: float, act: Callable[[psycopg.Connection, int], Any], number: int
) -> tuple[int, int]:
    """Start a process. Return its id, and where its result can be read."""
    output, pipe = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside moto's thread: the child does not use it
        child = os.fork()
    if child:
        os.close(pipe)
        return child, output
    code = 1
    try:
        with db.Connection.connect(database.api_url, autocommit=True) as conn:
            time.sleep(max(0.0, start - time.monotonic()))
            os.write(pipe, json.dumps(act(conn, number)).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - told to the parent
        os.write(pipe, traceback.format_exc()[-2000:].encode())
    finally:
        os._exit(code)


@contextmanager
def on(conn: psycopg.Connection) -> Iterator[None]:
    """Let the functions use this connection."""
    db._connection = conn
    try:
        yield
    finally:
        if db._connection is not conn:  # a job that dies reports on another one
            db.disconnect()
        db._connection = None


def attempt(act: Callable[[], object]) -> str:
    """Return ``done``, or the code of the error."""
    try:
        act()
    except DomainError as refusal:
        return refusal.code
    return "done"


@contextmanager
def watching[T](database: Database, look: Callable[[psycopg.Connection], T | None]) -> Iterator[list[T]]:
    """Call ``look`` over and over, on a connection of its own. Yield the list of what it returns, without None."""
    observations: list[T] = []
    over = Event()

    def watch() -> None:
        with db.Connection.connect(database.api_url, autocommit=True) as conn:
            while not over.is_set():
                if (observation := look(conn)) is not None:
                    observations.append(observation)

    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(watch)
        try:
            yield observations
        finally:
            over.set()
            watcher.result()


@contextmanager
def waiting(
    conn: psycopg.Connection, database: Database, act: Callable[[db.Connection], object]
) -> Iterator[Future[object]]:
    """Start a function that will wait for a lock, and run the block as soon as it waits. ``conn`` watches."""

    def run() -> object:
        with db.Connection.connect(database.api_url, autocommit=True) as other:
            return act(other)

    with ThreadPoolExecutor(1) as pool:
        future: Future[object] = pool.submit(run)
        while not _count_waiting(conn):
            assert not future.done()
        yield future


def wait_for_waiting(conn: psycopg.Connection, many: int) -> None:
    """Wait until so many connections wait for locks."""
    end = time.monotonic() + 30
    while _count_waiting(conn) < many:
        assert time.monotonic() < end, "nobody waits"


def _count_waiting(conn: psycopg.Connection) -> int:
    """Return how many connections wait for a lock. A transaction would see what it has seen first, time after time."""
    conn.execute("SELECT pg_stat_clear_snapshot()")
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return conn.execute(waiting).rowcount


def deadlocks(conn: psycopg.Connection) -> int:
    """Return how many deadlocks the database has broken. Print what the server says of each, for a test that fails."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    if row[0]:
        sys.stdout.writelines(reports_of_deadlocks(conn))
    return int(row[0])


def reports_of_deadlocks(conn: psycopg.Connection) -> list[str]:
    """Return the server's report of each deadlock in the database: who waited for whom, and in which statements."""
    with as_owner(conn) as owner:
        (data,) = owner.execute("SHOW data_directory").fetchone() or ()
    entries = re.split(r"^(?=\d{4}-\d\d-\d\d )", log_of(Path(data)).read_text(), flags=re.MULTILINE)
    heads = [entry.partition(":  ")[0].split() for entry in entries]  # date, time, zone, process, database, level
    broken = [head[3] for head in heads if head[4:] == [conn.info.dbname, "ERROR"]]
    return [entry for entry, head in zip(entries, heads, strict=True) if head[5:] == ["DETAIL"] and head[3] in broken]


def die_at(database: Database, round_trip: int, act: Callable[[psycopg.Connection], Any]) -> bool:
    """Run ``act`` in a process that is killed at a round trip to the database. Return False if it ended before that.

    Args:
        round_trip: half of them, counted from 0: an even number kills before a request, an odd one after its answer.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside moto's thread: the child does not use it
        child = os.fork()
    if child == 0:
        _die_at(database, round_trip, act)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the process failed before it could be killed"
    return False


def die_everywhere(
    database: Database, conn: psycopg.Connection, act: Callable[[psycopg.Connection], Any]
) -> Iterator[int]:
    """Run ``act`` in processes that are killed at one round trip after another, until one ends by itself.

    Yield after each kill, once the server has rolled back and the invariants are checked.
    """
    return die_everywhere_afresh(database, conn, lambda _: act)


def die_everywhere_afresh(
    database: Database,
    conn: psycopg.Connection,
    make: Callable[[psycopg.Connection], Callable[[psycopg.Connection], Any]],
) -> Iterator[int]:
    """Do what `die_everywhere` does, with a new act from ``make`` for each process."""
    round_trip = 0
    while die_at(database, round_trip, make(conn)):
        wait_for_rollbacks(conn)
        invariants.check(conn)
        yield round_trip
        round_trip += 1


def _die_at(database: Database, round_trip: int, act: Callable[[psycopg.Connection], Any]) -> None:
    code = 1
    try:
        conn = db.Connection.connect(database.api_url, autocommit=True)
        moments = iter(range(10_000))
        wait = conn.wait

        def counted(*args: Any, **kwargs: Any) -> Any:
            _die_if(next(moments) == round_trip)
            answer = wait(*args, **kwargs)
            _die_if(next(moments) == round_trip)
            return answer

        conn.wait = counted  # type: ignore[method-assign]
        act(conn)
        code = 0
    finally:
        os._exit(code)


def _die_if(is_time: bool) -> None:
    if is_time:
        os.kill(os.getpid(), signal.SIGKILL)


def wait_for_rollbacks(conn: psycopg.Connection) -> None:
    """Wait until the server has ended the transactions of killed processes."""
    for _ in range(500):
        row = conn.execute(
            """SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"""
        ).fetchone()
        if row == (0,):
            return
        conn.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("transactions of killed processes are still open")


_WORK = """
import json, sys
from tests.helpers.support import context, function
function(sys.argv[1]).handler(json.loads(sys.argv[2]), context())
"""


def start(name: str, event: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a function in a process of its own."""
    return run_python(f"import sys; sys.argv[1:] = {[name, json.dumps(event)]!r}\n{_WORK}")


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process that still runs."""
    assert process.poll() is None, process.stderr.read() if process.stderr else ""
    process.kill()
    process.communicate()


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waiting_for_a_lock(conn: psycopg.Connection) -> int:
    """Return how many connections wait for a lock."""
    row = conn.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
    return int(row[0]) if row else 0
