"""One hot ticket type: our purchase beside its limit, beside the plain design, and beside the inserts alone.

The limit is the same purchase without contention: each connection has a row of stock to itself. The client is pgbench,
on the server's own socket, so that no network is measured. Orders are counted in the table afterwards, since a
statement that finds no stock commits fast too. Those of the first second do not count, since each connection plans its
statements then.

A round runs each design on a fresh copy of the same database, one after the other. So whatever else the machine does
slows all of them alike. Figures are medians over the rounds.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID

from bench import fixture, pgbench
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from boxoffice import sql
from boxoffice.stock.rules import MOST_ROWS

_QUANTITY = 2  # tickets an order

# commit_delay makes the server wait before it flushes the log, so that other commits join (group commit). That is what
# a networked store does. It needs fsync, and acts on every commit if commit_siblings is 0.
_LATENCIES: dict[str, Mapping[str, str]] = {
    "none": {},
    "+3 ms": {"commit_delay": "3000", "commit_siblings": "0"},
}


@dataclass(frozen=True)
class Design:
    """A way to sell: its statement, and the row of stock at which a connection starts, as SQL."""

    name: str
    statement: str
    start: str = "0"
    sells: bool = True


_HERE = Path(__file__).parent
_PURCHASE = sql.queries("orders").place_order

OURS = Design("ours", _PURCHASE, f"pg_backend_pid() % {MOST_ROWS}")  # as stock/rules.py says
LIMIT = Design("limit", _PURCHASE, ":client_id")
ROW_LOCK = Design("row lock", (_HERE / "row_lock.sql").read_text())
INSERTS = Design("inserts", (_HERE / "inserts.sql").read_text(), sells=False)
DESIGNS = (OURS, LIMIT, ROW_LOCK, INSERTS)


@dataclass(frozen=True)
class Load:
    """How many connections at which commit latency, and how thoroughly to measure there."""

    connections: int
    latency: str
    rounds: int
    seconds: int
    of_limit: float | None = None  # the target: at least this part of the limit
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

# An order as a script of pgbench. A connection's first run finds its start row. Ids are ordered by time, as UUIDv7 are.
# Order numbers and buyers are unique, and in random order.
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

# pgbench's expressions for the parameters that differ from order to order. The others have one value throughout.
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
    """Measure how fast each design sells. With ``smoke``, only show that it works."""
    with bench_server(autovacuum="off") as bench, tempfile.TemporaryDirectory() as scripts:
        variables = _prepare(bench)
        round_ = _Round(bench, Path(scripts) / "order.sql", variables)
        rates_by_load = {load: _measure(round_, load) for load in (SMOKE if smoke else LOADS)}
    _show(rates_by_load)
    targets = [target for load, rates in rates_by_load.items() for target in _targets(load, rates)]
    figures = [
        {"connections": load.connections, "latency": load.latency, "orders_per_second": rates}
        for load, rates in rates_by_load.items()
    ]
    return Part("hot", targets, {"loads": figures})


def _prepare(bench: Bench) -> dict[str, dict[str, str]]:
    """Make the database ``hot``. Return pgbench's variables for each design."""
    bench.create("hot", "empty")
    with bench.connect("hot") as conn:
        hot = fixture.hot_ticket_type(conn)
        single_row = fixture.single_row_pool(conn)
        fixture.analyse(conn)
    return {design.name: _variables(hot, single_row if design is ROW_LOCK else hot.pool_id) for design in DESIGNS}


def _variables(hot: fixture.HotTicketType, pool_id: UUID) -> dict[str, str]:
    values = {
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
    return {name: str(value) for name, value in values.items()}


@dataclass(frozen=True)
class _Round:
    bench: Bench
    script: Path
    variables: dict[str, dict[str, str]]

    def run(self, design: Design, load: Load) -> float:
        """Sell on a fresh copy of the database. Return orders a second."""
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
    """Return the median of the ratios between two designs within a round."""
    return median(one / other for one, other in zip(rates[design.name], rates[to.name], strict=True))


def _targets(load: Load, rates: Rates) -> list[Target]:
    where = f"{load.connections} connections, {load.latency}"
    targets = []
    if load.of_limit is not None:
        targets.append(Target(f"hot: ours to the limit, {where}", _ratio(rates, OURS, LIMIT), at_least=load.of_limit))
    if load.shows_row_lock:
        ratio = _ratio(rates, OURS, ROW_LOCK)
        targets.append(Target(f"hot: ours to the row lock, {where}", ratio, at_least=1, enforced=False))
    return targets


def _show(rates_by_load: dict[Load, Rates]) -> None:
    header = ["orders a second", *(design.name for design in DESIGNS), "ours/limit", "ours/row lock"]
    rows = [
        [
            f"{load.connections} connections, latency {load.latency}",
            *(median(rates[design.name]) for design in DESIGNS),
            _ratio(rates, OURS, LIMIT),
            _ratio(rates, OURS, ROW_LOCK),
        ]
        for load, rates in rates_by_load.items()
    ]
    table(header, rows)
