"""One hot ticket type: our purchase beside its limit, beside the plain design, and beside the inserts alone.

pgbench is the client, on the server's own socket, so that the database is what is measured, not the network. Orders are
counted in the table afterwards, since a statement that finds no stock commits fast, too; those of the first second are
left out, in which each connection plans its statements. A round runs each design on a fresh copy of the same database,
one after the other, so that what else the machine does meets all of them; figures are medians over the rounds.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID

from bench import fixture, pgbench
from bench.report import Bar, Part, progress, table
from bench.server import Bench, bench_server
from boxoffice import sql
from boxoffice.stock.rules import MOST_ROWS

_QUANTITY = 2  # tickets an order

# commit_delay lets the server wait before it flushes the log, so that others may join. It acts with fsync on only, and
# with commit_siblings = 0 on every commit: what a networked store does to commits, group commit included.
_LATENCIES: dict[str, Mapping[str, str]] = {
    "none": {},
    "+3 ms": {"commit_delay": "3000", "commit_siblings": "0"},
}


@dataclass(frozen=True)
class Design:
    """A way to sell, and the row that a connection starts at, as SQL."""

    name: str
    statement: str
    start: str = "0"
    sells: bool = True


_HERE = Path(__file__).parent
_PURCHASE = sql.queries("orders").place_order

OURS = Design("ours", _PURCHASE, f"pg_backend_pid() % {MOST_ROWS}")  # stock.rules.start_row
LIMIT = Design("limit", _PURCHASE, ":client_id")
ROW_LOCK = Design("row lock", (_HERE / "row_lock.sql").read_text())
INSERTS = Design("inserts", (_HERE / "inserts.sql").read_text(), sells=False)
DESIGNS = (OURS, LIMIT, ROW_LOCK, INSERTS)


@dataclass(frozen=True)
class Load:
    """So many connections at such a latency, and how thoroughly to measure there."""

    connections: int
    latency: str
    rounds: int
    seconds: int
    of_limit: float | None = None  # the bar
    shows_row_lock: bool = False


LOADS = (
    Load(1, "none", 2, 2),
    Load(16, "none", 6, 3, of_limit=0.95, shows_row_lock=True),
    Load(64, "none", 2, 2),
    Load(1, "+3 ms", 2, 2),
    Load(16, "+3 ms", 2, 2),
    Load(64, "+3 ms", 8, 3, of_limit=0.95, shows_row_lock=True),
)
SMOKE = (Load(4, "none", 1, 2),)

type Rates = dict[str, list[float]]  # orders a second by design, a figure a round

# An order as a script. A connection's first finds its start row. Ids are unique and ordered by time, as UUIDv7 are;
# order numbers and buyers are spread at random, but unique.
_SCRIPT = r"""
\if :n = 0
SELECT {start} AS start \gset
\endif
\set n :n + 1
\set id_head (100000000000 + :n) * 10000 + 7000
\set id_tail 8000000000000000 + :client_id * 1000000000 + random(0, 999999999)
\set number 10000000 + permute(:n * 64 + :client_id, 90000000)
{statement}
;
"""

# What stands for a parameter that differs from order to order; the others have one value throughout.
_EXPRESSIONS = {
    "id": "(:id_head || :id_tail)::uuid",
    "number": ":number",
    "buyer_email": "(:number || '@example.com')",
    "request_id": "md5(:number)::uuid",
    "created_at": "now()",
    "expires_at": "now() + interval '15 minutes'",
    "account_id": "NULL",
    "voucher_id": "NULL",
    "details": "NULL",
    "terms_id": "NULL",
    "buyer_fee": "NULL",
    "tax": "NULL",
    "platform_fee": "NULL",
    "buyer_phone": "NULL",
    "start": ":start",
}


def measure(*, smoke: bool = False) -> Part:
    """Run this part; as ``smoke`` only to show that it works."""
    with bench_server(autovacuum="off") as bench, tempfile.TemporaryDirectory() as scripts:
        variables = _prepare(bench)
        round_ = _Round(bench, Path(scripts) / "order.sql", variables)
        found = {load: _measure(round_, load) for load in (SMOKE if smoke else LOADS)}
    _show(found)
    bars = [bar for load, rates in found.items() for bar in _bars(load, rates)]
    figures = [
        {"connections": load.connections, "latency": load.latency, "orders_per_second": rates}
        for load, rates in found.items()
    ]
    return Part("hot", bars, {"loads": figures})


def _prepare(bench: Bench) -> dict[str, dict[str, str]]:
    """Make the database ``hot``; answers the variables of each design."""
    bench.create("hot", "empty")
    with bench.connect("hot") as conn:
        hot = fixture.hot_ticket_type(conn)
        counter = fixture.one_counter(conn)
        fixture.analyse(conn)
    return {design.name: _variables(hot, counter if design is ROW_LOCK else hot.pool_id) for design in DESIGNS}


def _variables(hot: fixture.HotTicketType, pool_id: UUID) -> dict[str, str]:
    one = {
        "n": 0,
        "ticket_type_id": hot.ticket_type_id,
        "event_id": hot.event_id,
        "organisation_id": hot.organisation_id,
        "pool_id": pool_id,
        "quantity": _QUANTITY,
        "unit_price": hot.unit_price,
        "total": hot.unit_price * _QUANTITY,
        "discount": 0,
        "currency": hot.currency,
        "buyer_name": "Ada Buyer",
        "is_group": "false",
        "fingerprint": "\\x" + "5a" * 32,
    }
    return {name: str(value) for name, value in one.items()}


@dataclass(frozen=True)
class _Round:
    bench: Bench
    script: Path
    variables: dict[str, dict[str, str]]

    def run(self, design: Design, load: Load) -> float:
        """Sell on a fresh database; answers orders a second."""
        variables = self.variables[design.name]
        expressions = {name: f":{name}" for name in variables} | _EXPRESSIONS
        statement = pgbench.fill_in(design.statement, expressions)
        self.script.write_text(_SCRIPT.format(start=design.start, statement=statement))
        with self.bench.copy("hot") as database:
            pgbench.run(
                self.bench.socket_url(database),
                self.script,
                clients=load.connections,
                seconds=load.seconds,
                variables=variables,
                options=_LATENCIES[load.latency],
            )
            with self.bench.connect(database) as conn:
                fixture.count_orders(conn, with_stock=design.sells)
                return fixture.orders_per_second(conn)


def _measure(round_: _Round, load: Load) -> Rates:
    progress(f"{load.connections} connections, latency {load.latency}: {load.rounds} rounds of {load.seconds} s each")
    rates: Rates = {design.name: [] for design in DESIGNS}
    for number in range(load.rounds):
        for design in DESIGNS if number % 2 == 0 else reversed(DESIGNS):
            rates[design.name].append(round_.run(design, load))
    return rates


def _ratio(rates: Rates, design: Design, to: Design) -> float:
    """The median of the ratios within a round."""
    return median(one / other for one, other in zip(rates[design.name], rates[to.name], strict=True))


def _bars(load: Load, rates: Rates) -> list[Bar]:
    where = f"{load.connections} connections, {load.latency}"
    bars = []
    if load.of_limit is not None:
        bars.append(Bar(f"hot: ours to the limit, {where}", _ratio(rates, OURS, LIMIT), at_least=load.of_limit))
    if load.shows_row_lock:
        ratio = _ratio(rates, OURS, ROW_LOCK)
        bars.append(Bar(f"hot: ours to the row lock, {where}", ratio, at_least=1, judged=False))
    return bars


def _show(found: dict[Load, Rates]) -> None:
    header = ["orders a second", *(design.name for design in DESIGNS), "ours/limit", "ours/row lock"]
    rows = [
        [
            f"{load.connections} connections, latency {load.latency}",
            *(median(rates[design.name]) for design in DESIGNS),
            _ratio(rates, OURS, LIMIT),
            _ratio(rates, OURS, ROW_LOCK),
        ]
        for load, rates in found.items()
    ]
    table(header, rows)
