"""The pace of a provider: a crowd that starts to pay at once, and the refunds of a cancelled event.

The sandbox stands in for the provider. It allows 25 calls a second of each operation, answers 429 above that, and takes
300 ms for a call. Each commit of the database takes 3 ms more. A shorter run tells how long 50,000 refunds take.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import fixture
from bench.extension import secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from local.boxoffice.sandbox.memory import Memory
from tests.helpers import factories
from tests.helpers.provider_servers import Sandbox

_ALLOWED = 25  # calls a second
_CALL = 0.3  # seconds
_REFUNDS = 50_000
_LONGEST = 40  # minutes that they may take
_FIRST_RUNS = 2  # minutes until the job that gives back, and then the job that calls workers, have begun

_DATABASE = "paying"
_CANCEL = "UPDATE events SET status = 'cancelled', cancelled_at = now(), cancel_reason = 'Rain' WHERE id = %s"


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    buyers: int
    orders: int
    seconds: float
    senders: int


FULL = Size(buyers=400, orders=4_000, seconds=25, senders=3)
SMOKE = Size(buyers=10, orders=80, seconds=1, senders=2)


def measure(*, smoke: bool = False) -> Part:
    """Let a crowd start to pay. Then cancel an event, give its orders back and send their refunds."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server(max_connections="600", commit_delay="3000", commit_siblings="0"))
        sandbox = stack.enter_context(_sandbox(bench, size.orders))
        fields = {"account_pace": str(4 * _ALLOWED), "endpoint_pace": str(_ALLOWED)}
        port = stack.enter_context(secrets_extension(**sandbox.account, **fields))
        progress(f"{size.buyers} buyers start to pay at once")
        figures = _buyers(bench, sandbox, port, size)
        progress(f"gives back orders for {size.seconds:g} s, then sends refunds for {size.seconds:g} s")
        figures |= _refunds(bench, sandbox, port, size)
    _show(figures)
    return Part("pace", [] if smoke else _targets(figures), figures)


@contextmanager
def _sandbox(bench: Bench, orders: int) -> Iterator[Sandbox]:
    """Make the database, and run the sandbox, which knows its payments."""
    bench.create(_DATABASE, "empty")
    with TemporaryDirectory() as folder:
        with bench.connect(_DATABASE) as conn:
            fixture.sell(conn, fixture.hot_ticket_type(conn), orders)
            fixture.vacuum(conn)
            memory = Memory(Path(folder) / "sandbox.sqlite")
            for payment_id, amount, currency in conn.execute("SELECT id, amount, currency FROM payments"):
                memory.add_payment(
                    str(payment_id), amount, currency, "number", "Ada Buyer", "https://tickets.example.com"
                )
                memory.end_payment(str(payment_id), "succeeded")
        sandbox = Sandbox(Path(folder))
        try:
            sandbox.control("pace", calls_per_second=_ALLOWED)
            for operation in ("create", "refund"):
                sandbox.control("faults", operation=operation, kind="delayed", times=10_000, seconds=_CALL)
            yield sandbox
        finally:
            sandbox.stop()


def _buyers(bench: Bench, sandbox: Sandbox, port: int, size: Size) -> dict[str, Any]:
    """Let everybody start to pay in the same moment."""
    with bench.connect(_DATABASE) as conn:
        ticket_type = factories.ticket_type(conn, quantity=10_000)
        ids = [str(factories.order(conn, ticket_type)) for _ in range(size.buyers)]
    process = _process("bench.payer", bench, port)
    process.wait_until_ready()
    process.ask("pay", ids)
    buyers = process.answer()
    process.close()
    returns = sorted(seconds for buyer in buyers for seconds in buyer["returns"])
    statuses = [each["status"] for each in sandbox.take_answers()]
    return {
        "buyers": len(buyers),
        "not_refused": sum(not buyer["returns"] for buyer in buyers),
        "refused": sum(bool(buyer["returns"]) for buyer in buyers),
        "refused_twice": sum(len(buyer["returns"]) > 1 for buyer in buyers),
        "returns": [returns[0], returns[-1]] if returns else [],
        "all_started_s": max(buyer["seconds"] for buyer in buyers),
        "started": statuses.count(200),
        "starts_429": statuses.count(429),
    }


def _process(module: str, bench: Bench, port: int) -> Process:
    variables = {"PAYMENT_PROVIDERS": "sandbox", "SANDBOX_SECRET": "sandbox"}
    return Process(module, bench=bench, database=_DATABASE, secrets_port=port, variables=variables)


def _refunds(bench: Bench, sandbox: Sandbox, port: int, size: Size) -> dict[str, Any]:
    """Cancel the event. Give back its orders by one job, and send their refunds by several workers."""
    with bench.connect(_DATABASE) as conn:
        row = conn.execute("SELECT event_id FROM order_items ORDER BY order_id LIMIT 1").fetchone()
        assert row is not None
        conn.execute(_CANCEL, row)
    processes = [_process("bench.refunder", bench, port) for _ in range(size.senders)]
    for process in processes:
        process.wait_until_ready()
    began = time.monotonic()
    processes[0].ask("give_back", size.seconds)
    given_back = processes[0].answer() / (time.monotonic() - began)
    began = time.monotonic()
    for process in processes:
        process.ask("send", size.seconds)
    tried = sum(process.answer() for process in processes)
    sent = tried / (time.monotonic() - began)
    for process in processes:
        process.close()
    answers = sandbox.take_answers()
    return {
        "given_back_per_second": given_back,
        "refunds_per_second": sent,
        "refunds_429": sum(each["status"] == 429 for each in answers),
        "refunds_succeeded": _succeeded(bench),
        "minutes": _FIRST_RUNS + _REFUNDS / min(given_back, sent) / 60,
    }


def _succeeded(bench: Bench) -> int:
    with bench.connect(_DATABASE) as conn:
        row = conn.execute("SELECT count(*) FROM refunds WHERE status = 'succeeded'").fetchone()
    assert row is not None
    return int(row[0])


def _show(figures: dict[str, Any]) -> None:
    table(
        [f"{figures['buyers']} buyers at once, 25 calls a second allowed", "figure"],
        [
            ["start without a refusal", figures["not_refused"]],
            ["asked to come back once", figures["refused"] - figures["refused_twice"]],
            ["asked to come back more often", figures["refused_twice"]],
            ["come back after, s", " to ".join(map(str, figures["returns"])) or "-"],
            ["all have started after, s", figures["all_started_s"]],
            ["calls answered 429", figures["starts_429"]],
        ],
    )
    table(
        ["a cancelled event", "figure"],
        [
            ["orders given back a second", figures["given_back_per_second"]],
            ["refunds sent a second", figures["refunds_per_second"]],
            ["calls answered 429", figures["refunds_429"]],
            ["50,000 refunds take, minutes", figures["minutes"]],
        ],
    )


def _targets(figures: dict[str, Any]) -> list[Target]:
    calls = figures["started"] + figures["starts_429"] + figures["refunds_succeeded"] + figures["refunds_429"]
    too_many = figures["starts_429"] + figures["refunds_429"]
    return [
        Target("pace: buyers who start within 10 s", figures["not_refused"], at_least=250),
        # Without a processor of its own, a buyer's process makes its call too late, and then many come at once.
        Target("pace: share of calls answered 429", too_many / calls, at_most=0.01, enforced=False),
        Target("pace: minutes for 50,000 refunds", figures["minutes"], at_most=_LONGEST, enforced=False),
    ]
