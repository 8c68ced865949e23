"""Webhooks: how fast workers deliver to receivers on this machine, which answer at once, over plain HTTP.

SQS is a stub behind a socket. The stub, the receivers, the database and the workers share the machine. A webhook counts
once the database has it as delivered, and the receivers must have got each exactly once.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from bench import fixture
from bench.emails import AwsStub
from bench.extension import secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from local.stack.account import ACCESS_KEY, SECRET_KEY

_DATABASE = "telling"
_OWE = """
INSERT INTO webhook_deliveries (id, endpoint_id, organisation_id, type, body)
SELECT uuidv7(), endpoint.id, organisation_id, 'order.paid', webhook_body('order.paid', %s::jsonb)
FROM webhook_endpoints AS endpoint CROSS JOIN generate_series(1, %s)"""
_DATA = """{"order_id": "01981f6c-7b00-7a11-8c3e-5d2f40a1b009", "number": "K7QW-3MPX", "status": "paid",
    "currency": "NGN", "currency_exponent": 2, "total": 10000, "event_ids": ["01981f6c-7b00-7a11-8c3e-5d2f40a1b002"]}"""


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    endpoints: int
    webhooks: int  # to each endpoint
    workers: int


FULL = Size(endpoints=4, webhooks=1_000, workers=4)
SMOKE = Size(endpoints=2, webhooks=20, workers=2)


@dataclass
class Receivers:
    """One server for all endpoints. It remembers the ids that came."""

    ids: Counter[bytes] = field(default_factory=Counter)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a port of this machine. Yield the URL."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=512))
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            await reader.readexactly(int(headers[b"content-length"]))
            self.ids[headers[b"webhook-id"]] += 1
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await writer.drain()
        writer.close()


def measure(*, smoke: bool = False) -> Part:
    """Measure how fast workers deliver webhooks. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    receivers = Receivers()
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        secrets_port = stack.enter_context(secrets_extension())
        queue = stack.enter_context(AwsStub().serve())
        url = stack.enter_context(receivers.serve())
        bench.create(_DATABASE, "empty")
        workers = [_worker(bench, secrets_port, queue) for _ in range(size.workers)]
        for worker in workers:
            stack.callback(worker.close)
            worker.wait_until_ready()
        endpoints = _owe(bench, workers[0], size, url)
        progress(f"{size.workers} workers, {size.endpoints} endpoints")
        for number, worker in enumerate(workers):
            worker.ask("drain", endpoints[number:] + endpoints[:number])
        reports = [worker.answer() for worker in workers]
        delivered = _delivered(bench)
    assert delivered == size.endpoints * size.webhooks == len(receivers.ids)
    assert set(receivers.ids.values()) == {1}
    figures = {
        "webhooks": delivered,
        "workers": size.workers,
        "endpoints": size.endpoints,
        "webhooks_per_second": delivered / max(each["seconds"] for each in reports),
        "cpu_ms": sum(each["cpu"] for each in reports) / delivered * 1000,
    }
    _show(figures)
    return Part("webhooks", [] if smoke else _targets(figures), figures)


def _worker(bench: Bench, secrets_port: int, queue: str) -> Process:
    variables = {
        "STAGE": "local",  # which may send to this machine
        "AWS_ENDPOINT_URL_SQS": queue,
        "WEBHOOK_QUEUE_URL": f"{queue}/webhooks",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }
    return Process("bench.deliverer", bench=bench, database=_DATABASE, secrets_port=secrets_port, variables=variables)


def _owe(bench: Bench, worker: Process, size: Size, url: str) -> list[str]:
    """Make endpoints, and owe webhooks to each. Return the endpoints' ids."""
    progress(f"owing {size.endpoints * size.webhooks:,} webhooks")
    worker.ask("make_endpoints", size.endpoints, url)
    endpoints: list[str] = worker.answer()
    with bench.connect(_DATABASE) as conn:
        conn.execute(_OWE, [_DATA, size.webhooks])
        fixture.vacuum(conn)
    return endpoints


def _delivered(bench: Bench) -> int:
    with bench.connect(_DATABASE) as conn:
        row = conn.execute("SELECT count(*) FROM webhook_deliveries WHERE status = 'delivered'").fetchone()
    assert row is not None
    return int(row[0])


def _show(figures: dict[str, Any]) -> None:
    table(
        [f"deliver_webhook, {figures['workers']} workers, {figures['endpoints']} endpoints", "figure"],
        [
            ["webhooks a second", figures["webhooks_per_second"]],
            ["processor time of a webhook, ms", figures["cpu_ms"]],
        ],
    )


def _targets(figures: dict[str, Any]) -> list[Target]:
    return [
        Target("webhooks: deliveries a second", figures["webhooks_per_second"], at_least=300, enforced=False),
        Target("webhooks: processor time of a delivery, ms", figures["cpu_ms"], at_most=5, enforced=False),
    ]
