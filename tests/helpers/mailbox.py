"""Both ends of a message's way: the outbox with its workers, and SES and SNS: moto's, or stubs that fail on demand."""

import base64
import hashlib
import json
import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import psycopg
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import RawMessage, ses_backends
from moto.sns.models import sns_backends
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from boxoffice import db
from boxoffice.accounts import phone_codes
from boxoffice.auth import Caller, Who
from boxoffice.emails import Content, NotNeeded
from boxoffice.ids import new_id
from boxoffice.messaging import emails, ses, sns
from boxoffice.messaging.models import Message
from tests.helpers import factories
from tests.helpers.support import context, function


def owe(conn: psycopg.Connection, order_id: UUID | None = None, **overrides: Any) -> UUID:
    """Put a message into the outbox, by default the confirmation of a new order, to its buyer. Return its id."""
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
    conn.execute("UPDATE orders SET buyer_email = %s WHERE id = %s", [row["recipient"], order_id])
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
        return emails.WRITERS[template](conn, **Message(new_id(), template, "", payload, 1).facts)
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


def owe_code(conn: psycopg.Connection, phone: str = "+12025550123", **overrides: Any) -> UUID:
    """Make a code for a phone, and put the text message with it into the outbox. Return the message's id."""
    code = phone_codes.send(conn, Caller(Who.PUBLIC), phone)
    (message,) = conn.execute("SELECT id FROM outbox WHERE kind = 'sms' ORDER BY id DESC LIMIT 1").fetchone() or ()
    assert code.phone == phone
    for column, value in overrides.items():
        conn.execute(f"UPDATE outbox SET {column} = %s WHERE id = %s", [value, message])
    return UUID(str(message))


def deliver(*messages: UUID | str, worker: str = "send_email") -> list[UUID | str]:
    """Hand messages to a worker as its queue does. Return those that it reports as failed."""
    answer = function(worker).handler(batch(*messages), context(worker))
    return [messages[int(item["itemIdentifier"])] for item in answer["batchItemFailures"]]


def inbox(aws_url: str, recipient: str) -> list[EmailMessage]:
    """Return the emails to a recipient that moto's SES, in this process, has taken, as Python's parser reads them.

    It parses none but theirs. A process of tests sends hundreds, with attachments.
    """
    taken = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages
    raw = [message.raw_data.encode() for message in taken if isinstance(message, RawMessage)]
    mails = [parse(each) for each in raw if recipient.encode() in each]
    return [mail for mail in mails if mail["To"] == recipient]


def empty_inboxes() -> None:
    """Forget the emails and text messages that moto, in this process, has taken."""
    ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages.clear()
    sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sms_messages.clear()


def deliver_sms(conn: psycopg.Connection) -> None:
    """Hand all text messages that wait to their worker."""
    waiting = conn.execute("SELECT id FROM outbox WHERE kind = 'sms' AND status = 'pending' ORDER BY id").fetchall()
    assert deliver(*[message for (message,) in waiting], worker="send_sms") == []


def code_in(text: str) -> str:
    """Return the code in a text message."""
    found = re.match(r"(\d{6}) is your code ", text)
    assert found, text
    return found[1]


def texts(phone: str) -> list[str]:
    """Return the text messages to a phone that moto's SNS, in this process, has taken."""
    taken = sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sms_messages.values()
    return [text for number, text in taken if number == phone]


def parse(raw: bytes) -> EmailMessage:
    """Return an email as Python's parser reads it.

    Raises:
        AssertionError: it has a defect.
    """
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [defect for part in mail.walk() for defect in part.defects]
    return mail


class Stub[T]:
    """Answers each call as the next of its ``orders`` says, and takes the message if there is none.

    Orders are ``take`` or ``refuse`` a message, ``throttle`` the sender, ``lose`` the answer to a message that it took,
    and ``hang`` until it is released. A service may know others.
    """

    content_type = ""

    def __init__(self) -> None:
        self.orders: list[str] = []
        self.taken: list[T] = []
        self.asked: queue.Queue[str] = queue.Queue()
        self.released = threading.Event()
        self.closed = threading.Event()
        self.url = ""

    def read(self, body: bytes) -> T:
        """Return the message in a call."""
        raise NotImplementedError

    def answer_of(self, order: str) -> tuple[int, bytes]:
        """Return the status and the body that an order makes of a call."""
        raise NotImplementedError

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body for a call."""
        order = self.orders.pop(0) if self.orders else "take"
        if order == "lose":
            self.taken.append(self.read(body))
        self.asked.put(order)
        if order == "lose":
            self.closed.wait(60)
        if order == "hang":
            self.released.wait(60)
        if order in {"take", "hang"} and not self.closed.is_set():
            self.taken.append(self.read(body))
        return self.answer_of(order)

    def close(self) -> None:
        """Close all connections without an answer."""
        self.closed.set()
        self.released.set()


class SesStub(Stub[EmailMessage]):
    """A stub of SES. It keeps the calls, too."""

    content_type = "application/json"

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[dict[str, Any]] = []

    def read(self, body: bytes) -> EmailMessage:
        self.calls.append(json.loads(body))
        return parse(base64.b64decode(self.calls[-1]["Content"]["Raw"]["Data"]))

    def answer_of(self, order: str) -> tuple[int, bytes]:
        status, answer = {
            "refuse": (400, {"__type": "MessageRejected", "message": "Email address is not verified."}),
            "throttle": (429, {"__type": "TooManyRequestsException", "message": "Maximum sending rate exceeded."}),
        }.get(order, (200, {"MessageId": f"receipt-{len(self.taken)}"}))
        return status, json.dumps(answer).encode()


@dataclass(frozen=True)
class SentSms:
    """A text message that SNS was asked to send, with its attributes."""

    phone: str
    text: str
    attributes: dict[str, str]


class SnsStub(Stub[SentSms]):
    """A stub of SNS, which speaks AWS's query protocol. It can ``opt_out`` a number, too."""

    content_type = "text/xml"

    def read(self, body: bytes) -> SentSms:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        names = {key: name for key, name in form.items() if key.endswith(".Name")}
        attributes = {name: form[key.removesuffix("Name") + "Value.StringValue"] for key, name in names.items()}
        return SentSms(form["PhoneNumber"], form["Message"], attributes)

    def answer_of(self, order: str) -> tuple[int, bytes]:
        refusals = {
            "refuse": (500, "InternalError", "An internal error occurred."),
            "throttle": (400, "Throttling", "Rate exceeded"),
            "opt_out": (400, "OptedOut", "+12025550123 has opted out of text messages."),
        }
        if order not in refusals:
            receipt = f"<MessageId>receipt-{len(self.taken)}</MessageId>"
            return 200, f"<PublishResponse><PublishResult>{receipt}</PublishResult></PublishResponse>".encode()
        status, code, text = refusals[order]
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
        return status, f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode()


@contextmanager
def served[S: Stub[Any]](stub: S) -> Iterator[S]:
    """Serve a stub. Other processes find it by an environment variable such as ``AWS_ENDPOINT_URL_SESV2``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = stub.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if stub.closed.is_set():
                return
            self.send_response(status)
            self.send_header("Content-Type", stub.content_type)
            if stub.content_type == "application/json":
                self.send_header("x-amzn-ErrorType", json.loads(body).get("__type", ""))
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
    with served(SesStub()) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", stub.url)
        ses._client.cache_clear()
        yield stub
    ses._client.cache_clear()


@contextmanager
def sns_replaced(monkeypatch: pytest.MonkeyPatch) -> Iterator[SnsStub]:
    """Let the worker in this process send to a stub of SNS."""
    with served(SnsStub()) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", stub.url)
        sns._client.cache_clear()
        yield stub
    sns._client.cache_clear()


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
