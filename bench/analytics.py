"""Analytics and exports among a million orders of one event: what an answer takes, and how fast files are written.

Two processes call whole handlers, one call at a time: one among few orders, one among many. A third counts the sales
and writes the files, whose bytes go nowhere, since the network is not measured.
"""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench import fixture
from bench.extension import secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from tests.helpers import factories

_DATABASE = "analysed"
_FACTS = "UPDATE daily_sales_state SET counted = '1:1:', as_of = '2020-01-01'"
_VIEWS = """
INSERT INTO event_views SELECT %(event_id)s, day::date, 0, row_no, 100
FROM generate_series(date '2025-01-01', date '2025-12-31', '1 day') AS day, generate_series(0, 7) AS row_no"""


@dataclass(frozen=True)
class Size:
    """How much to measure."""

    orders: int
    calls: int
    rows: int


FULL = Size(orders=1_000_000, calls=100, rows=100_000)
SMOKE = Size(orders=200, calls=2, rows=100)


def measure(*, smoke: bool = False) -> Part:
    """Measure analytics and exports. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        secrets_port = stack.enter_context(secrets_extension())
        analyst = Process(
            "bench.analyst", *_sell(bench, size), bench=bench, database=_DATABASE, secrets_port=secrets_port
        )
        stack.callback(analyst.close)
        analyst.wait_until_ready()
        figures = {"count_s": _ask(analyst, "count")}
        progress("answers")
        for name in ("get_event_analytics", "list_attendees", "get_stats"):
            figures[name] = median(_ask(analyst, "answer", name, size.calls)) * 1000
        for kind in ("csv", "xlsx"):
            progress(f"{size.rows:,} attendees as {kind}")
            figures[kind] = _ask(analyst, "export", kind)
    _show(figures, size)
    return Part("analytics", [] if smoke else _targets(figures), {"size": asdict(size), **figures})


def _ask(analyst: Process, *request: object) -> Any:
    analyst.ask(*request)
    return analyst.answer()


def _sell(bench: Bench, size: Size) -> tuple[object, ...]:
    """Make a database with so many orders of one event, and with as many attendees of another as a file has rows."""
    progress(f"placing {size.orders:,} orders")
    bench.create(_DATABASE, "empty")
    with bench.connect(_DATABASE) as conn:
        hot = fixture.hot_ticket_type(conn)
        fixture.sell(conn, hot, size.orders)
        conn.execute(_VIEWS, {"event_id": hot.event_id})
        conn.execute(_FACTS)
        manager, admin = factories.member(conn, hot.organisation_id, "manager"), factories.account(conn, is_admin=True)
        fixture.vacuum(conn)
    return hot.organisation_id, hot.event_id, manager, admin, size.rows


def _show(figures: dict[str, Any], size: Size) -> None:
    answers = ("get_event_analytics", "list_attendees", "get_stats")
    table(
        [f"among {size.orders:,} orders", "ms a call"],
        [[name, figures[name]] for name in answers],
    )
    table(
        [f"attendees, {size.rows:,} rows", "rows a second", "peak of memory, MB", "file, MB"],
        [
            [kind, *(figures[kind][name] for name in ("rows_per_second", "peak_mb", "size_mb"))]
            for kind in ("csv", "xlsx")
        ],
    )
    table(["count_sales", "s"], [[f"{size.orders:,} orders at once", figures["count_s"]]])


def _targets(figures: dict[str, Any]) -> list[Target]:
    return [
        Target("analytics: ms of get_event_analytics", figures["get_event_analytics"], at_most=100, enforced=False),
        *(
            Target(f"analytics: MB that the worker of {kind} needs at the peak", figures[kind]["peak_mb"], at_most=64)
            for kind in ("csv", "xlsx")
        ),
        Target("analytics: rows of XLSX a second", figures["xlsx"]["rows_per_second"], at_least=1000, enforced=False),
    ]
