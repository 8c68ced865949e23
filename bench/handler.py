"""The whole of `create_order`: handlers in processes, with the database on the same machine.

Two databases on one server are measured in turn: one before, one after a million tickets of the type are sold. Orders
are counted in the table. One client alone measures the processor time of a call. It compares it with an endpoint on the
same resolver that has the same request and response, and does nothing in between. Beside it is a purchase with answers.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from bench import fixture
from bench.extension import secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    clients: int
    tickets_sold: int
    rounds: int
    seconds: float
    calls: int


FULL = Size(clients=4, tickets_sold=1_000_000, rounds=10, seconds=2, calls=2000)
SMOKE = Size(clients=2, tickets_sold=1_000, rounds=1, seconds=0.5, calls=20)


class Shop:
    """A database to sell from, and the processes of its clients."""

    def __init__(
        self, bench: Bench, database: str, ticket_types: Sequence[UUID], secrets_port: int, clients: int
    ) -> None:
        self._bench = bench
        self._database = database
        self._clients = [
            Process("bench.client", *ticket_types, bench=bench, database=database, secrets_port=secrets_port)
            for _ in range(clients)
        ]
        for client in self._clients:
            client.wait_until_ready()
        self.rates: list[float] = []
        self.latencies: list[float] = []

    def sell(self, seconds: float) -> None:
        """Let all clients buy at once, for so many seconds, and note the orders a second."""
        before = self.orders()
        start = time.time() + 0.2
        for client in self._clients:
            client.ask("buy", start, seconds)
        for client in self._clients:
            self.latencies += client.answer()["latencies"]
        self.rates.append((self.orders() - before) / seconds)

    def compare(self, calls: int) -> tuple[list[float], list[float], list[float]]:
        """Return the processor seconds of orders, of their validation alone, and of orders with answers."""
        self._clients[0].ask("compare", calls)
        timings = self._clients[0].answer()
        return timings["cpu"], timings["cpu_of_validation"], timings["cpu_with_answers"]

    def orders(self) -> int:
        """Return the number of orders, after a check that stock and order items agree."""
        with self._bench.connect(self._database) as conn:
            return fixture.count_orders(conn)

    def close(self) -> None:
        """End the clients' processes."""
        for client in self._clients:
            client.close()


def measure(*, smoke: bool = False) -> Part:
    """Measure whole handlers. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        secrets_port = stack.enter_context(secrets_extension())
        ticket_types = _prepare(bench, size.tickets_sold)
        fresh, sold = (
            Shop(bench, database, ticket_types, secrets_port, size.clients) for database in ("fresh", "sold")
        )
        stack.callback(sold.close)
        stack.callback(fresh.close)
        progress("processor time of a call, one client alone")
        cpu, cpu_of_validation, cpu_with_answers = fresh.compare(size.calls)
        progress(f"{size.clients} clients, before and after {size.tickets_sold:,} tickets are sold")
        for number in range(size.rounds):
            for shop in (fresh, sold) if number % 2 == 0 else (sold, fresh):
                shop.sell(size.seconds)
    figures = {
        "clients": size.clients,
        "tickets_sold": size.tickets_sold,
        "fresh": _figures(fresh),
        "sold": _figures(sold),
        "sold_to_fresh": median(after / before for after, before in zip(sold.rates, fresh.rates, strict=True)),
        "cpu_ms": _ms(cpu),
        "cpu_to_validation": _ms(cpu) / _ms(cpu_of_validation),
        "cpu_ms_of_validation": _ms(cpu_of_validation),
        "cpu_ms_with_answers": _ms(cpu_with_answers),
    }
    _show(figures)
    return Part("handler", [] if smoke else _targets(figures), figures)


def _prepare(bench: Bench, tickets_sold: int) -> list[UUID]:
    """Make the databases ``fresh`` and ``sold``, which differ only in what was sold before.

    Returns:
        The hot ticket type, and one whose event asks its buyers.
    """
    bench.create("fresh", "empty")
    with bench.connect("fresh") as conn:
        hot, asking = fixture.hot_ticket_type(conn), fixture.asking_ticket_type(conn)
        fixture.analyse(conn)
    bench.create("sold", "fresh")
    progress(f"selling {tickets_sold:,} tickets")
    with bench.connect("sold") as conn:
        fixture.sell(conn, hot, tickets_sold // 2)
        assert fixture.count_orders(conn) == tickets_sold // 2
        fixture.vacuum(conn)
    return [hot.ticket_type_id, asking]


def _figures(shop: Shop) -> dict[str, Any]:
    percentiles = quantiles(shop.latencies, n=100)
    return {
        "orders_per_second": median(shop.rates),
        "rounds": shop.rates,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
    }


def _ms(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return median(seconds) * 1000


def _show(figures: dict[str, Any]) -> None:
    header = ["create_order", "orders a second", "p50 ms", "p99 ms"]
    names = {"fresh": "nothing sold before", "sold": f"{figures['tickets_sold']:,} tickets sold before"}
    rows = [
        [name, *(figures[shop][key] for key in ("orders_per_second", "p50_ms", "p99_ms"))]
        for shop, name in names.items()
    ]
    table(header, rows)
    table(
        ["processor time of a call", "median ms"],
        [
            ["create_order", figures["cpu_ms"]],
            ["validation alone", figures["cpu_ms_of_validation"]],
            ["create_order with two holders and six answers", figures["cpu_ms_with_answers"]],
        ],
    )


def _targets(figures: dict[str, Any]) -> list[Target]:
    fresh, sold = (figures[shop]["orders_per_second"] for shop in ("fresh", "sold"))
    return [
        Target("handler: orders a second", fresh, at_least=800, enforced=False),
        Target("handler: orders a second, a million tickets sold", sold, at_least=800, enforced=False),
        Target("handler: the same to before, median of the rounds", figures["sold_to_fresh"], at_least=0.9),
        Target("handler: processor time of a call to its validation alone", figures["cpu_to_validation"], at_most=2.5),
    ]
