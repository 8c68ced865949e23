"""Random sequences of all that happens in a sale: all invariants hold after each step, and the books at the end."""

import os
from contextlib import ExitStack, closing
from random import Random, SystemRandom

import psycopg
import pytest

from boxoffice import db
from tests.helpers import invariants
from tests.helpers.provider_servers import Sandbox
from tests.helpers.soak import SOAK
from tests.helpers.support import Client, Database, Postgres
from tests.stateful import books, sale
from tests.stateful.deeds import DEEDS, FREQUENCIES

SALES = 40
STEPS = 100
CONNECTIONS = 3


def _seeds() -> list[int]:
    """Return the seeds of the sales. The suite takes the same each time, `make soak` new ones. SEED plays one again."""
    if "SEED" in os.environ:
        return [int(os.environ["SEED"])]
    sales = round(SALES * SOAK)
    return [*range(sales)] if SOAK == 1 else [SystemRandom().getrandbits(32) for _ in range(sales)]


def test_random_sales(postgres: Postgres, api: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    # A purchase takes the same round trips when a seed is played again, whatever the server calls its processes.
    monkeypatch.setattr("boxoffice.orders.rules.start_row", lambda _pid, _rows: 0)
    for seed in _seeds():
        with postgres.clone() as database:
            _play(database, api, sandbox, seed)


def _play(database: Database, api: Client, sandbox: Sandbox, seed: int) -> None:
    """Let people do deeds on three connections. Some die in the middle. At the end, compare the provider's books."""
    choice, done = Random(seed), [f"SEED={seed}"]
    try:
        with ExitStack() as stack:
            watching = stack.enter_context(closing(_connect(database)))
            opened = sale.Sale.open(watching, sandbox)
            connections = [stack.enter_context(closing(_connect(database))) for _ in range(CONNECTIONS)]
            written = None
            for _ in range(STEPS):
                name, number = choice.choice(FREQUENCIES), choice.randrange(CONNECTIONS)
                dies_at = choice.randrange(16) if choice.random() < 0.25 else None
                done.append(name if dies_at is None else f"{name}, dying at {dies_at}")
                if connections[number].closed:
                    connections[number] = stack.enter_context(closing(_connect(database)))
                deed, _ = DEEDS[name]
                sale.do(opened, api, deed, choice, connections[number], dies_at)
                if written != (written := _last_write(watching)):  # else all is as it was
                    invariants.check(watching)
                    assert watching.execute(sale.OFF_STEP).fetchall() == []
            books.close(opened, api)
    except BaseException as error:
        error.add_note("; ".join(done))
        raise


def _last_write(conn: psycopg.Connection) -> object:
    """Return what changes with each transaction that writes, since only these get an id."""
    return conn.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())").fetchone()


def _connect(database: Database) -> psycopg.Connection:
    return db.Connection.connect(database.api_url, autocommit=True)
