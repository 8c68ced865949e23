"""Listings: the time of a page among a million orders, compared with that among a thousand.

Two processes take turns to call whole handlers, one call at a time. Each has a database of its own on one server.
"""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from uuid import UUID

from bench import fixture
from bench.extension import secrets_extension
from bench.processes import Process
from bench.reader import LISTINGS
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from tests.helpers import factories

_BUYER = "UPDATE orders SET account_id = %(account_id)s, buyer_email = 'ada@example.com' WHERE number <= 'S0000100'"


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    few: int  # orders
    many: int
    rounds: int
    calls: int


FULL = Size(few=1_000, many=1_000_000, rounds=15, calls=100)
SMOKE = Size(few=200, many=400, rounds=1, calls=2)


def measure(*, smoke: bool = False) -> Part:
    """Measure listings. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        secrets_port = stack.enter_context(secrets_extension())
        readers = []
        for orders in (size.few, size.many):
            readers.append(_sell(bench, secrets_port, orders))
            stack.callback(readers[-1].close)
        progress(f"{len(LISTINGS)} listings among {size.few:,} and among {size.many:,} orders")
        figures = {name: _compare(*readers, name, size) for name in LISTINGS}
    table(
        ["listing, ms a call", f"{size.few:,} orders", f"{size.many:,} orders", "ratio"],
        [[name, few, many, ratio] for name, (few, many, ratio) in figures.items()],
    )
    worst = max(ratio for _, _, ratio in figures.values())
    targets = [] if smoke else [Target("listings: a million orders to a thousand, at worst", worst, at_most=1.2)]
    return Part("listings", targets, {"size": asdict(size), "listings": figures})


def _sell(bench: Bench, secrets_port: int, orders: int) -> Process:
    """Make a database with so many orders, of which one buyer has a hundred. Return its reader."""
    progress(f"placing {orders:,} orders")
    database = f"orders_{orders}"
    bench.create(database, "empty")
    with bench.connect(database) as conn:
        hot = fixture.hot_ticket_type(conn)
        fixture.sell(conn, hot, orders)
        manager, buyer = factories.member(conn, hot.organisation_id, "manager"), factories.account(conn)
        conn.execute(_BUYER, {"account_id": buyer})
        fixture.vacuum(conn)
    arguments: tuple[UUID | int, ...] = (hot.organisation_id, hot.event_id, manager, buyer, orders)
    reader = Process("bench.reader", *arguments, bench=bench, database=database, secrets_port=secrets_port)
    reader.wait_until_ready()
    return reader


def _compare(few: Process, many: Process, name: str, size: Size) -> tuple[float, float, float]:
    """Return the milliseconds of a call among few and among many orders, and the median ratio within a round."""
    times: dict[Process, list[float]] = {few: [], many: []}
    for number in range(size.rounds):
        for reader in (few, many) if number % 2 == 0 else (many, few):
            reader.ask("read", name, size.calls)
            times[reader].append(median(reader.answer()) * 1000)
    ratios = [after / before for before, after in zip(times[few], times[many], strict=True)]
    return median(times[few]), median(times[many]), median(ratios)
