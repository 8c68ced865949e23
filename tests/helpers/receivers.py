"""Receivers of webhooks: servers that answer as a test says, and the published library that verifies requests."""

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socket import SHUT_WR, create_server, socket
from typing import Any
from uuid import UUID

import psycopg

from tests.helpers.support import context, function

_VERIFY = """
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
for given in json.load(sys.stdin):
    try:
        Webhook(given["secret"]).verify(given["body"], given["headers"])
        print("yes")
    except WebhookVerificationError as error:
        print(error)
"""


def http(status: int, body: bytes = b"", **headers: object) -> bytes:
    """Return an answer of HTTP. The names of headers have _ for -."""
    lines = [f"HTTP/1.1 {status} Text", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


OK = http(200, b"thanks")


@dataclass
class Received:
    """A request. Its headers have names in lower case."""

    line: str
    headers: dict[str, str]
    body: str

    @property
    def data(self) -> dict[str, Any]:
        """Return the body of a webhook."""
        return dict(json.loads(self.body))


@dataclass
class Receiver:
    """A server that answers as ``answers`` says, by bytes or a function of the socket, and then with ``usual``."""

    port: int
    scheme: str = "http"
    usual: bytes = OK
    answers: list[bytes | Callable[[socket], None]] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Return where webhooks go."""
        return f"{self.scheme}://127.0.0.1:{self.port}/webhooks?shop=1"

    @property
    def ids(self) -> list[str]:
        """Return the ids of all webhooks that came, in order."""
        return [request.headers["webhook-id"] for request in self.requests]

    def serve(self, connection: socket) -> None:
        """Answer the request of a connection."""
        with self.lock:
            self.connections += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        with connection, suppress(OSError):
            self._answer(connection)
        with self.lock:
            self.at_once -= 1

    def _answer(self, connection: socket) -> None:
        request = _read(connection)
        with self.lock:
            self.requests.append(request)
            answer = self.answers.pop(0) if self.answers else self.usual
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)
            connection.shutdown(SHUT_WR)


def _read(connection: socket) -> Received:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    while len(body) < int(headers["content-length"]):
        body += _more(connection)
    return Received(line, headers, body.decode())


def _more(connection: socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("the client has closed")
    return part


@contextmanager
def receiver(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver, a thread for each connection."""
    with create_server((host, 0)) as server:
        own = Receiver(server.getsockname()[1], "https" if tls else "http")

        def accept() -> None:
            while not own.over.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    threading.Thread(target=_serve, args=(own, connection, tls), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield own
        own.over.set()
        with suppress(OSError):
            server.shutdown(2)
    thread.join()


def _serve(own: Receiver, connection: socket, tls: ssl.SSLContext | None) -> None:
    try:
        own.serve(tls.wrap_socket(connection, server_side=True) if tls else connection)
    except OSError:  # the client does not trust us
        connection.close()


def verdicts(secret: str, requests: list[Received]) -> list[str]:
    """Return what the published library says of requests, in a process of its own: "yes", or why not."""
    given = [{"secret": secret, "body": each.body, "headers": each.headers} for each in requests]
    run = subprocess.run(
        [sys.executable, "-I", "-c", _VERIFY], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


def take_turn(endpoint_id: UUID) -> dict[str, Any]:
    """Hand the worker a record that asks for the turn of an endpoint. Return what it answers to Lambda."""
    record = {"messageId": "1", "body": json.dumps({"endpoint_id": str(endpoint_id)})}
    fresh = context("deliver_webhook")
    fresh.get_remaining_time_in_millis = lambda: 60_000
    return dict(function("deliver_webhook").handler({"Records": [record]}, fresh))


def make_all_due(conn: psycopg.Connection) -> None:
    """Let all waits end: of deliveries, of turns and of pauses."""
    conn.execute("UPDATE webhook_deliveries SET due_at = now() - interval '1 second' WHERE status <> 'delivered'")
    conn.execute("UPDATE webhook_endpoints SET next_turn_at = now() - interval '1 second'")
