"""Emails: how fast workers drain the queue of confirmations, each with two tickets as pictures and as a PDF.

SQS and SES are a stub behind a socket, since moto's SQS takes longer the more messages it holds. The stub, the database
and the workers share the machine. A message counts once the outbox has it as sent. The last one is looked at.
"""

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any
from uuid import UUID

from bench import fixture
from bench.extension import secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from local.stack.account import ACCESS_KEY, SECRET_KEY
from tests.helpers.mailbox import parse

# Every buyer has a name of their own, so that nothing that a worker keeps for one serves another.
_NAME_BUYERS = """
UPDATE orders SET buyer_name = initcap(translate(left(md5(id::text), 6) || ' ' || left(md5(number), 8),
    '0123456789', 'aeiouáéíọú'))"""
_NAME_HOLDERS = "UPDATE tickets SET holder_name = buyer_name FROM orders WHERE orders.id = order_id"
_OWE_CONFIRMATIONS = """
INSERT INTO outbox (id, kind, template, recipient, payload)
SELECT gen_random_uuid(), 'email', 'order_confirmation', buyer_email, jsonb_build_object('order_id', id) FROM orders
RETURNING id"""
_DATABASE = "owing"
_PARTS = ["application/pdf", "image/png", "image/png", "text/calendar", "text/html", "text/plain"]


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    messages: int
    workers: int
    warm_up: int  # messages a worker


FULL = Size(messages=4_000, workers=4, warm_up=100)
SMOKE = Size(messages=60, workers=2, warm_up=10)


class AwsStub:
    """Stands in for SQS, which hands out each message once, and for SES, which takes every email."""

    def __init__(self) -> None:
        self.queue: deque[UUID] = deque()
        self.deleted = 0
        self.taken = 0
        self.last = b"{}"

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a port of this machine. Yield the URL."""
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer is one packet

            def do_POST(self) -> None:
                request = self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps(answer(self.headers.get("X-Amz-Target", ""), request)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Write nothing: the terminal is for figures."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()

    def _answer(self, action: str, request: bytes) -> dict[str, Any]:
        match action:
            case "AmazonSQS.ReceiveMessage":
                return {"Messages": list(islice(self._messages(), json.loads(request)["MaxNumberOfMessages"]))}
            case "AmazonSQS.DeleteMessageBatch":
                entries = json.loads(request)["Entries"]
                self.deleted += len(entries)
                return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}
            case _:
                self.taken += 1
                self.last = request
                return {"MessageId": "receipt"}

    def _messages(self) -> Iterator[dict[str, str]]:
        with suppress(IndexError):
            while True:
                message_id = str(self.queue.popleft())
                body = json.dumps({"outbox_id": message_id})
                yield {"MessageId": message_id, "ReceiptHandle": message_id, "Body": body}

    def last_types(self) -> list[str]:
        """Return the types of the parts of the last email."""
        mail = parse(base64.b64decode(json.loads(self.last)["Content"]["Raw"]["Data"]))
        return [part.get_content_type() for part in mail.walk() if not part.is_multipart()]


def measure(*, smoke: bool = False) -> Part:
    """Measure how fast workers send emails. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    stub = AwsStub()
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        secrets_port = stack.enter_context(secrets_extension())
        url = stack.enter_context(stub.serve())
        progress(f"owing {size.messages:,} confirmations")
        stub.queue += _owe(bench, size.messages)
        workers = [_worker(bench, secrets_port, url) for _ in range(size.workers)]
        for worker in workers:
            stack.callback(worker.close)
            worker.wait_until_ready()
        _drain(workers, size.warm_up)
        progress(f"{size.workers} workers")
        before = _sent(bench)
        reports = _drain(workers, size.messages)
        sent = _sent(bench)
    assert sent == stub.taken == stub.deleted == size.messages, f"of {size.messages}, {sent} are sent"
    assert sorted(stub.last_types()) == _PARTS
    figures = {
        "messages": size.messages,
        "workers": size.workers,
        "messages_per_second": (sent - before) / max(each["seconds"] for each in reports),
        "cpu_ms": sum(each["cpu"] for each in reports) / sum(each["messages"] for each in reports) * 1000,
        "bytes": len(stub.last),
    }
    _show(figures)
    return Part("emails", [] if smoke else _targets(figures), figures)


def _worker(bench: Bench, secrets_port: int, url: str) -> Process:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    variables = {"AWS_ENDPOINT_URL_SESV2": url, **keys}
    return Process("bench.mailer", url, bench=bench, database=_DATABASE, secrets_port=secrets_port, variables=variables)


def _owe(bench: Bench, messages: int) -> list[UUID]:
    """Make a database that owes the confirmations of so many orders. Return the messages' ids."""
    bench.create(_DATABASE, "empty")
    with bench.connect(_DATABASE) as conn:
        hot = fixture.hot_ticket_type(conn)
        fixture.sell(conn, hot, messages)
        conn.execute(_NAME_BUYERS)
        conn.execute(_NAME_HOLDERS)
        ids = [row[0] for row in conn.execute(_OWE_CONFIRMATIONS)]
        fixture.vacuum(conn)
    return ids


def _drain(workers: list[Process], most: int) -> list[dict[str, Any]]:
    for worker in workers:
        worker.ask("drain", most)
    return [worker.answer() for worker in workers]


def _sent(bench: Bench) -> int:
    with bench.connect(_DATABASE) as conn:
        row = conn.execute("SELECT count(*) FROM outbox WHERE status = 'sent'").fetchone()
    assert row is not None
    return int(row[0])


def _show(figures: dict[str, Any]) -> None:
    table(
        [f"send_email, {figures['workers']} workers", "figure"],
        [
            ["messages a second", figures["messages_per_second"]],
            ["processor time of a message, ms", figures["cpu_ms"]],
            ["request to SES, KB", figures["bytes"] / 1000],
        ],
    )


def _targets(figures: dict[str, Any]) -> list[Target]:
    return [
        Target("emails: messages a second", figures["messages_per_second"], at_least=200, enforced=False),
        Target("emails: processor time of a message, ms", figures["cpu_ms"], at_most=10, enforced=False),
    ]
