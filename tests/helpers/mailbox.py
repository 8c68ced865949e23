"""Both ends of an email's way: the outbox with its worker, and SES, which is moto's or a stub that fails on demand."""

import base64
import hashlib
import json
import queue
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from boxoffice import db
from boxoffice.emails import Content, NotNeeded
from boxoffice.ids import new_id
from boxoffice.messaging import emails, ses
from tests.helpers import factories
from tests.helpers.support import context, function


def owe(conn: psycopg.Connection, order_id: UUID | None = None, **overrides: Any) -> UUID:
    """Put a message into the outbox, by default the confirmation of a new order. Return its id."""
    order_id = order_id or factories.order(conn, factories.ticket_type(conn))
    message_id = new_id()
    row = {
        "id": message_id,
        "kind": "email",
        "template": "order_confirmation",
        "recipient": f"{message_id.hex}@example.com",
        "payload": {"order_id": str(order_id)},
        **overrides,
    }
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    conn.execute(f"INSERT INTO outbox ({columns}) VALUES ({values})", row | {"payload": Jsonb(row["payload"])})
    return message_id


def outbox_row(conn: psycopg.Connection, message_id: UUID) -> dict[str, Any]:
    """Return a message's row, with the seconds until it is due and until it is relayed."""
    query = """SELECT *, extract(epoch FROM due_at - now())::float8 AS due_in,
        extract(epoch FROM relay_at - now())::float8 AS relay_in FROM outbox WHERE id = %s"""
    row = conn.cursor(row_factory=dict_row).execute(query, [message_id]).fetchone()
    assert row is not None
    return row


@dataclass(frozen=True)
class Letter:
    """An email that the outbox owes, as it would be sent now. It has no content if it would be dropped."""

    template: str
    content: Content | None

    @property
    def token(self) -> str:
        """The token in the link of the text."""
        assert self.content is not None
        (token,) = re.findall(r"#token=(\S+)", self.content.text)
        return str(token)


def letters_to(conn: db.Connection, recipient: str) -> list[Letter]:
    """Return the emails that the outbox owes to an address, oldest first."""
    owed = conn.execute("SELECT template, payload FROM outbox WHERE recipient = %s ORDER BY id", [recipient]).fetchall()
    return [Letter(template, _written(conn, template, payload)) for template, payload in owed]


def _written(conn: db.Connection, template: str, payload: dict[str, Any]) -> Content | None:
    try:
        return emails.WRITERS[template](conn, **payload)
    except NotNeeded:
        return None


def let_time_pass(conn: psycopg.Connection, message_id: UUID) -> None:
    """End what the message waits for: a lease, or the wait before the next attempt."""
    conn.execute("UPDATE outbox SET due_at = now(), relay_at = now() WHERE id = %s", [message_id])


def record(message: UUID | str, number: int = 0) -> dict[str, Any]:
    """Return a record of an SQS event: for a message's id, or with any other body."""
    body = json.dumps({"outbox_id": str(message)}) if isinstance(message, UUID) else message
    return {
        "messageId": str(number),
        "receiptHandle": "handle",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:email",
        "awsRegion": "eu-west-1",
    }


def batch(*messages: UUID | str) -> dict[str, Any]:
    """Return an SQS event with a record for each message."""
    return {"Records": [record(message, number) for number, message in enumerate(messages)]}


def deliver(*messages: UUID | str) -> list[UUID | str]:
    """Hand messages to the worker as the queue does. Return those that it reports as failed."""
    answer = function("send_email").handler(batch(*messages), context("send_email"))
    return [messages[int(item["itemIdentifier"])] for item in answer["batchItemFailures"]]


def inbox(aws_url: str, recipient: str) -> list[EmailMessage]:
    """Return the emails to a recipient that moto's SES has, as Python's parser reads them."""
    with urllib.request.urlopen(f"{aws_url}/moto-api/data.json") as answer:
        messages = json.load(answer)["ses"].get("RawMessage", [])
    mails = [parse(message["raw_data"].encode()) for message in messages]
    return [mail for mail in mails if mail["To"] == recipient]


def parse(raw: bytes) -> EmailMessage:
    """Return an email as Python's parser reads it.

    Raises:
        AssertionError: it has a defect.
    """
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [defect for part in mail.walk() for defect in part.defects]
    return mail


class SesStub:
    """Answers each call as the next of its ``orders`` says, and takes the message if there is none.

    Orders are ``take`` or ``refuse`` a message, ``throttle`` the sender, ``lose`` the answer to a message that it took,
    and ``hang`` until it is released.
    """

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.taken: list[EmailMessage] = []
        self.asked: queue.Queue[str] = queue.Queue()
        self.released = threading.Event()
        self.closed = threading.Event()
        self.url = ""

    def answer(self, document: dict[str, Any]) -> tuple[int, dict[str, str]]:
        """Return the status and the body for a call of SendEmail."""
        order = self.orders.pop(0) if self.orders else "take"
        if order == "lose":
            self._take(document)
        self.asked.put(order)
        if order == "lose":
            self.closed.wait(60)
        if order == "hang":
            self.released.wait(60)
        if order == "refuse":
            return 400, {"__type": "MessageRejected", "message": "Email address is not verified."}
        if order == "throttle":
            return 429, {"__type": "TooManyRequestsException", "message": "Maximum sending rate exceeded."}
        if not self.closed.is_set():
            self._take(document)
        return 200, {"MessageId": f"receipt-{len(self.taken)}"}

    def close(self) -> None:
        """Close all connections without an answer."""
        self.closed.set()
        self.released.set()

    def _take(self, document: dict[str, Any]) -> None:
        self.taken.append(parse(base64.b64decode(document["Content"]["Raw"]["Data"])))


@contextmanager
def ses_stub() -> Iterator[SesStub]:
    """Serve a stub of SES. Other processes find it by ``AWS_ENDPOINT_URL_SESV2``."""
    stub = SesStub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = stub.answer(document)
            if stub.closed.is_set():
                return
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("x-amzn-ErrorType", answer.get("__type", ""))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield stub
        stub.close()
        server.shutdown()


@contextmanager
def ses_replaced(monkeypatch: pytest.MonkeyPatch) -> Iterator[SesStub]:
    """Let the worker in this process send to a stub of SES."""
    with ses_stub() as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", stub.url)
        ses._client.cache_clear()
        yield stub
    ses._client.cache_clear()


@contextmanager
def sqs_stub(refuses: UUID) -> Iterator[str]:
    """Serve a stub of SQS that refuses one message. Yield its URL, for ``AWS_ENDPOINT_URL_SQS``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            entries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["Entries"]
            is_refused = [str(refuses) in entry["MessageBody"] for entry in entries]
            taken = [
                {"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": md5(entry["MessageBody"])}
                for entry, refused in zip(entries, is_refused, strict=True)
                if not refused
            ]
            failed = [
                {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"}
                for entry, refused in zip(entries, is_refused, strict=True)
                if refused
            ]
            body = json.dumps({"Successful": taken, "Failed": failed}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
