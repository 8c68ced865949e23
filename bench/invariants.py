"""Invariants: a run over a million orders of one event, and an admin's check of what has changed since."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice

from bench import fixture
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from boxoffice import db
from boxoffice.admin import service
from tests.helpers import factories


@dataclass(frozen=True)
class Size:
    """How much to check."""

    orders: int
    changed: int


FULL = Size(orders=1_000_000, changed=10_000)
SMOKE = Size(orders=200, changed=20)
_MOST_PARTS = 10_000


def measure(*, smoke: bool = False) -> Part:
    """Measure the checks. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with bench_server() as bench:
        _sell(bench, size.orders)
        with db.Connection.connect(bench.api_url("invariants"), autocommit=True) as conn:
            progress(f"checking {size.orders:,} orders of an event, part by part")
            parts = list(islice(_run(conn), _MOST_PARTS))
            look = _look(conn, size.changed)
    table(
        ["orders", "a whole run, s", "parts", "longest part, s", f"a check after {size.changed:,} changes, s"],
        [[f"{size.orders:,}", sum(parts), len(parts), max(parts), look]],
    )
    figures = {"size": asdict(size), "run": sum(parts), "parts": len(parts), "longest": max(parts), "check": look}
    return Part("invariants", [] if smoke else _targets(max(parts), look), figures)


def _targets(longest: float, look: float) -> list[Target]:
    return [
        Target("invariants: seconds of the longest part of a run", longest, at_most=30, enforced=False),
        Target("invariants: seconds of an admin's check", look, at_most=25, enforced=False),
    ]


def _sell(bench: Bench, orders: int) -> None:
    progress(f"placing {orders:,} orders")
    bench.create("invariants", "empty")
    with bench.connect("invariants") as conn:
        hot = fixture.hot_ticket_type(conn)
        factories.member(conn, hot.organisation_id, "owner")
        fixture.sell(conn, hot, orders)
        fixture.vacuum(conn)


def _run(conn: db.Connection) -> Iterator[float]:
    """Check part after part. Yield the seconds of each.

    Raises:
        AssertionError: rows contradict an invariant.
    """
    while parts := service.list_next(conn):
        start = time.perf_counter()
        with conn.transaction():
            service.check_next(conn, parts[0])
        yield time.perf_counter() - start
    assert conn.execute("SELECT breaches FROM invariant_runs").fetchall() == [({},)]


def _look(conn: db.Connection, changed: int) -> float:
    """Check as an admin after so many orders have changed. Return the seconds.

    Raises:
        AssertionError: rows contradict an invariant, or time ran out.
    """
    conn.execute("UPDATE invariant_runs SET after_history = (SELECT max(id) FROM order_history) - %s", [changed])
    start = time.perf_counter()
    with conn.transaction():
        report = service.check_invariants(conn)
    seconds = time.perf_counter() - start
    assert (report.hold, report.is_complete, report.orders) == (True, True, changed), report
    return seconds
