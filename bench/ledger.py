"""The ledger at ten million transfers, most of them of one organisation: what a balance, a page and a report take.

All is measured with the last 100,000 transfers not counted yet, as if the job that counts had been away.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg

from bench import fixture
from bench.processes import ENVIRONMENT
from bench.report import Part, Target, progress, table
from bench.server import bench_server
from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.ledger import reading, releases, service
from boxoffice.ledger.counting import LEDGER
from boxoffice.ledger.models import EntryFilters
from boxoffice.pagination import encode
from boxoffice.reports import service as revenue
from boxoffice.reports import statements
from tests.helpers import factories

_DATABASE = "ledger"
_EVENTS = 200  # of the large organisation
_OTHERS = 100  # organisations, which share a fifth of the transfers
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_ALL = EntryFilters(None, None, None, None, None, None, None)

# An order has a receipt, a sale, its fee, its tax and the provider's fee. One in twenty is refunded instead of taxed,
# and one in ten thousand is a payout. Ids and sources grow with the time, as those of UUIDv7 do.
_POST = """
INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no, line_no,
    order_id, event_id, ticket_type_id, provider, posted_at)
SELECT id, organisation_id, kind, 'platform', 'EUR', amount, source_id, 1, part, source_id,
    CASE WHEN kind NOT IN ('receipt', 'payout') THEN event_id END, NULL,
    CASE WHEN kind IN ('receipt', 'provider_fee') THEN 'stripe' END, posted_at
FROM (
    SELECT part, to_timestamp(millisecond / 1000.0) AS posted_at,
        (moment || '8000' || lpad(to_hex(part), 12, '0'))::uuid AS id,
        (moment || '9000000000000000')::uuid AS source_id,
        CASE WHEN number %% 5 = 0 THEN (%(others)s::uuid[])[1 + number / 5 %% cardinality(%(others)s::uuid[])]
            ELSE %(organisation)s END AS organisation_id,
        CASE WHEN number %% 5 = 0 THEN (%(other_events)s::uuid[])[1 + number / 5 %% cardinality(%(others)s::uuid[])]
            ELSE (%(events)s::uuid[])[1 + number %% cardinality(%(events)s::uuid[])] END AS event_id,
        CASE WHEN number %% 10000 = 1 AND part = 5 THEN 'payout' WHEN number %% 20 = 3 AND part = 4 THEN 'refund'
            ELSE (ARRAY['receipt', 'sale', 'platform_fee', 'tax', 'provider_fee'])[part] END AS kind,
        (ARRAY[4999, 4999, 155, 798, 105])[part] AS amount
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number CROSS JOIN generate_series(1, 5) AS part
    CROSS JOIN LATERAL (SELECT %(begin)s + number * %(step)s AS millisecond) AS time_of CROSS JOIN LATERAL (
        SELECT lpad(to_hex(millisecond), 12, '0') || '7' || lpad(to_hex(number %% 4096), 3, '0') AS moment
    ) AS begin_of_id
) AS rows"""


@dataclass(frozen=True)
class Size:
    """How much to measure."""

    transfers: int
    at_once: int
    calls: int


FULL = Size(transfers=10_000_000, at_once=100_000, calls=50)
SMOKE = Size(transfers=5_000, at_once=1_000, calls=2)


def measure(*, smoke: bool = False) -> Part:
    """Measure the ledger. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        bench.create(_DATABASE, "empty")
        stack.enter_context(patch.dict(os.environ, {**ENVIRONMENT, "DATABASE_URL": bench.api_url(_DATABASE)}))
        admin = stack.enter_context(bench.connect(_DATABASE))
        conn = stack.enter_context(db.Connection.connect(bench.api_url(_DATABASE), autocommit=True))
        books = _open_books(admin)
        figures = {"counted_per_second": _fill(admin, conn, books, size)}
        fixture.vacuum(admin)
        progress(f"reading, with {size.at_once:,} transfers that are not counted")
        _post(admin, books, size, size.transfers // size.at_once)
        figures |= {name: _milliseconds(call, size.calls) for name, call in _calls(conn, books, size).items()}
    table(
        [f"among {size.transfers:,} transfers, {size.at_once:,} not counted", "ms a call"],
        [[name, figure] for name, figure in figures.items() if name != "counted_per_second"],
    )
    table(["count_ledger", "transfers a second"], [[f"{size.at_once:,} at once", figures["counted_per_second"]]])
    return Part("ledger", [] if smoke else _targets(figures), {"size": asdict(size), **figures})


def _targets(figures: dict[str, float]) -> list[Target]:
    return [
        Target("ledger: ms of list_balances", figures["list_balances"], at_most=250, enforced=False),
        Target(
            "ledger: cost of the 10,000th page over that of the first",
            figures["the 10,000th page"] / figures["the first page"],
            at_most=1.5,
        ),
        Target("ledger: transfers counted a second", figures["counted_per_second"], at_least=20_000, enforced=False),
    ]


@dataclass(frozen=True)
class Books:
    """Organisations and their events. The others have one event each."""

    owner: UUID
    organisation: UUID
    events: list[UUID]
    others: list[UUID]
    other_events: list[UUID]


def _open_books(conn: psycopg.Connection[Any]) -> Books:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner)
    events = [factories.event(conn, organisation_id=organisation, currency="EUR") for _ in range(_EVENTS)]
    others = [factories.organisation(conn) for _ in range(_OTHERS)]
    other_events = [factories.event(conn, organisation_id=other, currency="EUR") for other in others]
    return Books(owner, organisation, events, others, other_events)


def _fill(admin: psycopg.Connection[Any], conn: db.Connection, books: Books, size: Size) -> float:
    """Post transfers batch by batch, and count each. Return how many were counted a second."""
    progress(f"posting {size.transfers:,} transfers")
    seconds = 0.0
    for batch in range(size.transfers // size.at_once):
        _post(admin, books, size, batch)
        conn.execute("UPDATE ledger_state SET as_of = as_of - interval '1 minute'")
        start = time.perf_counter()
        for uncounted in LEDGER.find_uncounted(conn):
            with conn.transaction():
                LEDGER.count(conn, uncounted)
        seconds += time.perf_counter() - start
    return size.transfers / seconds


def _post(conn: psycopg.Connection[Any], books: Books, size: Size, batch: int) -> None:
    """Post a batch, of orders that follow each other over two years."""
    orders = size.at_once // 5
    step = int(timedelta(days=730).total_seconds() * 1000) // (size.transfers // 5)
    shared = {name: value for name, value in vars(books).items() if name != "owner"}
    params = {"first": batch * orders, "last": (batch + 1) * orders - 1, "step": step, **shared}
    psycopg.ClientCursor(conn).execute(_POST, {**params, "begin": int(_BEGIN.timestamp() * 1000)})


def _calls(conn: db.Connection, books: Books, size: Size) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    caller = Caller(Who.OWNER, books.owner)
    far = conn.execute(
        "SELECT id, order_id FROM ledger_transfers WHERE organisation_id = %s ORDER BY id DESC OFFSET %s LIMIT 1",
        [books.organisation, min(100_000, size.transfers // 2)],  # a page of twenty entries has ten transfers
    ).fetchone()
    assert far is not None
    cursor, order = encode(far[0], 1), far[1]

    def page(cursor: str | None = None, **filters: Any) -> object:
        found = reading.list_entries(
            conn, caller, books.organisation, EntryFilters(**{**vars(_ALL), **filters}), 20, cursor
        )
        assert found.items
        return found

    return {
        "list_balances": lambda: service.list_balances(conn, books.organisation),
        "list_balances of a small organisation": lambda: service.list_balances(conn, books.others[0]),
        "get_balance": lambda: reading.get_balance(conn, caller, books.organisation),
        "list_organisations": lambda: releases.list_organisations(conn),
        "the first page": page,
        "the 10,000th page": lambda: page(cursor),
        "a page of an event": lambda: page(event_id=books.events[7]),
        "a page of an order": lambda: page(order_id=order),
        "a page of payouts": lambda: page(kind="payout"),
        "a page of what is available": lambda: page(account="available"),
        "a page of a year ago": lambda: page(until=_BEGIN + timedelta(days=365)),
        "a page of refunds": lambda: page(kind="refund"),
        "a report of a year, by month and event": lambda: revenue.get_revenue(
            conn, caller, books.organisation, date(2024, 1, 1), date(2024, 12, 31), "month", "event"
        ),
        "a statement": lambda: statements.get_statement(conn, caller, books.organisation, f"{datetime.now(UTC):%Y-%m}"),
    }


def _milliseconds(call: Callable[[], object], calls: int) -> float:
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return median(times) * 1000
