"""Random sequences of all that happens in a sale: all invariants hold after each step."""

from random import Random
from typing import ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from boxoffice import db, queues
from tests.helpers import invariants
from tests.helpers.support import Client, Database, Postgres
from tests.stateful import sale

EXAMPLES, STEPS = 120 * sale.SOAK, 100


class SaleMachine(RuleBasedStateMachine):
    """Deeds on three connections. Some die in the middle."""

    postgres: ClassVar[Postgres]
    api: ClassVar[Client]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._clone = self.postgres.clone()
        self._database: Database = self._clone.__enter__()
        self._connections = [self._connect() for _ in range(3)]
        self._watching = self._connect()

    @initialize()
    def open(self) -> None:
        self._sale = sale.Sale.open(self._watching)

    @rule(
        deed=st.sampled_from(sale.FREQUENCIES),
        choice=st.randoms(use_true_random=False),
        connection=st.integers(0, 2),
        dies_at=st.none() | st.none() | st.none() | st.integers(0, 15),
    )
    def do(self, deed: str, choice: Random, connection: int, dies_at: int | None) -> None:
        type(self).steps += 1
        if self._connections[connection].closed:
            self._connections[connection] = self._connect()
        sale.do(self._sale, self.api, deed, choice, self._connections[connection], dies_at)

    @invariant()
    def holds(self) -> None:
        invariants.check(self._watching)
        assert self._watching.execute(sale.OFF_STEP).fetchall() == []

    def teardown(self) -> None:
        for conn in (*self._connections, self._watching):
            conn.close()
        self._clone.__exit__(None, None, None)

    def _connect(self) -> psycopg.Connection:
        return db.Connection.connect(self._database.api_url, autocommit=True)


def test_ten_thousand_steps(postgres: Postgres, api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "put", lambda *_: [])
    # A purchase takes the same round trips when Hypothesis repeats it, whatever the server calls its processes.
    monkeypatch.setattr("boxoffice.orders.rules.start_row", lambda _pid, _rows: 0)
    SaleMachine.postgres, SaleMachine.api = postgres, api

    run_state_machine_as_test(
        SaleMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=sale.SOAK == 1,  # the suite takes the same path each time; `make soak` a new one
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert SaleMachine.steps >= 10_000
