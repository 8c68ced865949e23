"""The books: a hot sale with and without them, and how fast one organisation's transfers are posted.

Rounds with and without the books take turns on one database, so whatever else the machine does slows both alike. The
transfers come from pgbench: each posting is the receipt and the sale of an order. The project pgledger documents over
10,000 transfers a second on one machine. If they share an account, it documents 7,500.
"""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import fixture, pgbench
from bench.extension import secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from boxoffice import sql

_OF_PGLEDGER = 7_500
_DATABASE = "bookkeeping"
_SCRIPT = r"""
\set n :n + 1
\set source :client_id * 1000000000 + :n
"""
_EXPRESSIONS = {
    "kinds": "ARRAY['receipt', 'sale']",
    "holders": "ARRAY['platform', 'platform']",
    "amounts": "ARRAY[10000, 10000]::bigint[]",
    "order_ids": "ARRAY[md5(:source::text), md5(:source::text)]::uuid[]",
    "event_ids": "ARRAY[NULL, :event_id]::uuid[]",
    "ticket_type_ids": "ARRAY[NULL, :ticket_type_id]::uuid[]",
    "providers": "ARRAY['sandbox', NULL]",
    "source_id": "md5(:source::text)::uuid",
    "organisation_id": ":organisation_id",
    "currency": ":currency",
}


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    clients: int
    rounds: int
    seconds: float
    connections: int
    posting_seconds: int


FULL = Size(clients=2, rounds=10, seconds=3, connections=8, posting_seconds=20)
SMOKE = Size(clients=1, rounds=1, seconds=0.5, connections=2, posting_seconds=2)


def measure(*, smoke: bool = False) -> Part:
    """Measure the books. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server(autovacuum="off"))
        secrets_port = stack.enter_context(secrets_extension())
        bench.create(_DATABASE, "empty")
        with bench.connect(_DATABASE) as conn:
            hot = fixture.hot_ticket_type(conn)
            ticket_types = (hot.ticket_type_id, fixture.asking_ticket_type(conn))
            fixture.analyse(conn)
        sales = _sell(bench, ticket_types, secrets_port, size)
        progress(f"{size.connections} connections post for one organisation, {size.posting_seconds} s")
        transfers = _post(bench, hot, size)
    _show(sales, transfers)
    figures = {"size": asdict(size), "paid_orders_per_second": sales, "transfers_per_second": transfers}
    return Part("books", [] if smoke else _targets(sales, transfers), figures)


def _sell(bench: Bench, ticket_types: Sequence[object], secrets_port: int, size: Size) -> dict[str, list[float]]:
    """Place and pay orders in turn with and without the books. Return the paid orders a second of each round."""
    progress(f"{size.clients} clients place and pay orders, {size.rounds} rounds of {size.seconds:g} s each")
    clients = [
        Process("bench.bookkeeper", *ticket_types, bench=bench, database=_DATABASE, secrets_port=secrets_port)
        for _ in range(size.clients)
    ]
    for client in clients:
        client.wait_until_ready()
    rates: dict[str, list[float]] = {"with the books": [], "without": []}
    for number in range(size.rounds):
        for name in rates if number % 2 == 0 else reversed(rates):
            start = time.time() + 0.2
            for client in clients:
                client.ask("sell", start, size.seconds, int(name != "without"))
            rates[name].append(sum(client.answer() for client in clients) / size.seconds)
    for client in clients:
        client.close()
    return rates


def _post(bench: Bench, hot: fixture.HotTicketType, size: Size) -> float:
    """Post for one organisation on many connections at once. Return the transfers a second, as the table has them."""
    names = ("organisation_id", "event_id", "ticket_type_id", "currency")
    variables = {"n": "0", **{name: str(getattr(hot, name)) for name in names}}
    statement = pgbench.fill_in(sql.queries("ledger").post_difference, _EXPRESSIONS)
    with bench.connect(_DATABASE) as conn, tempfile.TemporaryDirectory() as scripts:
        before = _count(conn)
        script = Path(scripts) / "post.sql"
        script.write_text(f"{_SCRIPT}{statement};\n")
        pgbench.run(
            bench.socket_url(_DATABASE),
            script,
            clients=size.connections,
            seconds=size.posting_seconds,
            variables=variables,
            options={},
        )
        return (_count(conn) - before) / size.posting_seconds


def _count(conn: Any) -> int:
    return int(conn.execute("SELECT count(*) FROM ledger_transfers").fetchone()[0])


def _ratio(sales: dict[str, list[float]]) -> float:
    """Return the median of the ratios within a round."""
    return median(ours / none for ours, none in zip(*sales.values(), strict=True))


def _show(sales: dict[str, list[float]], transfers: float) -> None:
    table(
        ["place and pay", "orders a second"],
        [*([name, median(rates)] for name, rates in sales.items()), ["ratio", _ratio(sales)]],
    )
    table(
        ["one organisation", "transfers a second"],
        [["ours", transfers], ["pgledger's, of hot accounts", _OF_PGLEDGER]],
    )


def _targets(sales: dict[str, list[float]], transfers: float) -> list[Target]:
    return [
        Target("books: a hot sale with the books to one without", _ratio(sales), at_least=0.9, enforced=False),
        Target("books: transfers a second of one organisation", transfers, at_least=_OF_PGLEDGER, enforced=False),
    ]
