"""A mixed load: many processes at once do whatever happens in a sale."""

import os
import random
import signal
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TextIO

import psycopg

from boxoffice import config, db
from boxoffice.payments import calls, generic, sandbox
from boxoffice.payments.merchants import credentials
from boxoffice.payments.models import PLATFORM_MERCHANT
from tests.helpers.support import Client, Database
from tests.stateful import sale
from tests.stateful.deeds import DEEDS, FREQUENCIES


def load(database: Database, opened: sale.Sale, people: int, seconds: float, *, deadly: bool = False) -> float:
    """Let so many people do deeds for a while; with ``deadly``, some of their processes die in the middle of one.

    Returns:
        The longest that anybody was seen waiting for a lock, in seconds.

    Raises:
        AssertionError: somebody met a failure.
    """
    _rehearse(database, opened)
    end = time.monotonic() + seconds
    longest = 0.0
    with TemporaryFile("w+") as failures:
        children = [_fork(database, opened, end, failures, deadly=deadly) for _ in range(people)]
        while time.monotonic() < end:
            time.sleep(0.1)
            longest = max(longest, _longest_wait(opened.conn))
        failed = _join(children, timeout=30)
        failures.seek(0)
        assert not failed, f"{failed} of {people} met a failure, or did not end\n{failures.read()[:5000]}"
    return longest


def _rehearse(database: Database, opened: sale.Sale) -> None:
    """Do each deed once, so that all secrets are read. Forked processes cannot read them."""
    for info in (sandbox.INFO, generic.INFO):
        credentials(PLATFORM_MERCHANT, info.name)
    with db.Connection.connect(database.api_url, autocommit=True) as conn:
        for deed, _ in DEEDS.values():
            sale.do(opened, Client(), deed, random.Random(0), conn, None)


def _fork(database: Database, opened: sale.Sale, end: float, failures: TextIO, *, deadly: bool) -> int:
    seed = random.getrandbits(64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside moto's thread: the child does not use it
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        _live(database, opened, end, random.Random(seed), deadly=deadly)
        code = 0
    except BaseException:  # noqa: BLE001 - told to the parent
        failures.write(f"seed {seed}\n{traceback.format_exc()[:4000]}\n")
        failures.flush()
    finally:
        os._exit(code)


def _live(database: Database, opened: sale.Sale, end: float, choice: random.Random, *, deadly: bool) -> None:
    config._SECRET_LIFETIME = float("inf")  # a forked process cannot read them again
    db._connection = None
    calls._pool.cache_clear()
    opened.sandbox.connect()
    watching = db.Connection.connect(database.api_url, autocommit=True)
    mine = replace(opened, conn=watching, purchases=[], alone=False)
    conn = db.Connection.connect(database.api_url, autocommit=True)
    while time.monotonic() < end:
        if conn.closed:
            conn = db.Connection.connect(database.api_url, autocommit=True)
        dies_at = choice.randrange(15) if deadly and choice.random() < 0.1 else None
        deed, _ = DEEDS[choice.choice(FREQUENCIES)]
        sale.do(mine, Client(), deed, choice, conn, dies_at)


def _longest_wait(conn: psycopg.Connection) -> float:
    row = conn.execute(
        """SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float8 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    ).fetchone()
    assert row is not None
    return float(row[0])


def _join(children: Sequence[int], timeout: float) -> int:
    """Wait for the processes to end. Return how many of them failed."""
    deadline = time.monotonic() + timeout
    failed = 0
    for child in children:
        done, status = os.waitpid(child, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.05)
            done, status = os.waitpid(child, os.WNOHANG)
        if not done:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        failed += status != 0
    return failed
