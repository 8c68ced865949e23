"""Send webhooks, each by one request, to addresses of the public internet alone.

The name of the host is looked up once. Its addresses are checked, and the connection goes to one of them: another
answer to the same question leads nowhere. The certificate must be the name's. No redirect is followed, nothing is
decompressed, and of an answer no more is read than its beginning. Whatever the other side does, a request ends in time.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import h11

from boxoffice.version import VERSION
from boxoffice.webhooks import rules
from boxoffice.webhooks.models import Answer
from boxoffice.webhooks.rules import Target

CONNECT_SECONDS = 3.0  # for the name, the connection and TLS
TOTAL_SECONDS = 10.0
_BODY_SECONDS = 2.0  # for the beginning of an answer whose status we have
_MOST_ADDRESSES = 3
_LARGEST_HEAD = 16 << 10
LARGEST_ANSWER = 1000  # bytes

type Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Looks up the addresses of a host for a port."""


@dataclass(frozen=True)
class Message:
    """The body of a webhook, and the headers that prove it."""

    headers: Mapping[str, str]
    body: bytes


class _NoAnswer(Exception):
    """There is no answer. The text says why, for the owner of the endpoint."""


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system knows them, those of IPv4 first: our network has no other."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in sorted(found, key=lambda each: each[0] != socket.AF_INET)]


def send_all(
    url: str, messages: Sequence[Message], *, allows_loopback: bool, resolve: Resolve = look_up
) -> list[Answer]:
    """Send webhooks to an endpoint, all at once. Return what came of each, in their order."""
    return asyncio.run(_send_all(rules.target_of(url), messages, allows_loopback=allows_loopback, resolve=resolve))


async def _send_all(
    target: Target, messages: Sequence[Message], *, allows_loopback: bool, resolve: Resolve
) -> list[Answer]:
    began = time.monotonic()
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            addresses = await _addresses_of(target, resolve, allows_loopback=allows_loopback)
    except (_NoAnswer, TimeoutError) as error:
        reason = str(error) or f"the name server did not answer within {CONNECT_SECONDS:g} s"
        return [Answer(error=reason, duration=_since(began))] * len(messages)
    return await asyncio.gather(*(_send(target, addresses, message) for message in messages))


async def _addresses_of(target: Target, resolve: Resolve, *, allows_loopback: bool) -> list[str]:
    try:
        addresses = await resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise _NoAnswer("the name of the host has no address") from error
    if not rules.are_allowed(addresses, allows_loopback=allows_loopback):
        raise _NoAnswer("the name of the host leads to an address that is not public")
    return addresses[:_MOST_ADDRESSES]


async def _send(target: Target, addresses: Sequence[str], message: Message) -> Answer:
    began = time.monotonic()
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            answer = await _request(target, addresses, message)
    except TimeoutError:
        answer = Answer(error=f"there was no answer within {TOTAL_SECONDS:g} s")
    except _NoAnswer as error:
        answer = Answer(error=str(error))
    return replace(answer, duration=_since(began))


async def _request(target: Target, addresses: Sequence[str], message: Message) -> Answer:
    reader, writer = await _connect(target, addresses)
    try:
        return await _exchange(target, message, reader, writer)
    except (OSError, ssl.SSLError) as error:
        raise _NoAnswer("the connection broke before an answer") from error
    except h11.RemoteProtocolError as error:
        raise _NoAnswer("the answer was not HTTP") from error
    finally:
        writer.transport.abort()
        with suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def _connect(target: Target, addresses: Sequence[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that takes the connection."""
    options: dict[str, Any] = {"ssl": _tls(), "server_hostname": target.host} if target.has_tls else {}
    reason = ""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            for address in addresses:
                try:
                    return await asyncio.open_connection(address, target.port, **options)
                except ssl.SSLCertVerificationError as error:
                    reason = f"the certificate is not valid: {error.verify_message}"
                except ssl.SSLError as error:
                    reason = f"there is no TLS: {error.reason}"
                except OSError:
                    reason = "nobody took the connection"
    except TimeoutError:
        reason = f"there was no connection within {CONNECT_SECONDS:g} s"
    raise _NoAnswer(reason)


async def _exchange(
    target: Target, message: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    """Send a request, and read the status and the beginning of the answer."""
    connection = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
    headers = {
        "Host": target.authority,
        "User-Agent": f"Boxoffice/{VERSION}",
        "Content-Type": "application/json",
        "Content-Length": str(len(message.body)),
        "Connection": "close",
        **message.headers,
    }
    request = h11.Request(method="POST", target=target.path, headers=list(headers.items()))
    for part in (request, h11.Data(data=message.body), h11.EndOfMessage()):
        writer.write(connection.send(part) or b"")
    with suppress(ConnectionError):  # an endpoint may answer, and close, before it has read all
        await writer.drain()
    response = None
    while response is None:
        event = await _next_event(connection, reader)
        response = event if isinstance(event, h11.Response) else None
        if isinstance(event, h11.ConnectionClosed):
            raise _NoAnswer("the connection was closed before an answer")
    text = bytearray()
    with suppress(TimeoutError, OSError, h11.RemoteProtocolError):
        async with asyncio.timeout(_BODY_SECONDS):
            await _read_beginning(connection, reader, text)
    return Answer(response.status_code, _text_of(text), retry_after=_retry_after(response))


async def _read_beginning(connection: h11.Connection, reader: asyncio.StreamReader, text: bytearray) -> None:
    is_over = False
    while not is_over and len(text) < LARGEST_ANSWER:
        event = await _next_event(connection, reader)
        if isinstance(event, h11.Data):
            text += event.data
        is_over = isinstance(event, h11.EndOfMessage | h11.ConnectionClosed)


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    event = connection.next_event()
    while event is h11.NEED_DATA:
        connection.receive_data(await reader.read(4096))
        event = connection.next_event()
    return event


def _text_of(content: bytes | bytearray) -> str:
    """Return the beginning of an answer as a text that the database can store and people can read."""
    text = bytes(content[:LARGEST_ANSWER]).decode(errors="replace")
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def _retry_after(response: h11.Response) -> timedelta | None:
    value = dict(response.headers).get(b"retry-after")
    return rules.retry_after(value.decode("latin-1"), datetime.now(UTC)) if value is not None else None


def _since(began: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - began)


@cache
def _tls() -> ssl.SSLContext:
    """Return what verifies certificates, by the authorities that the system trusts."""
    return ssl.create_default_context()
