"""The captured emails and text messages: a folder with one .eml file a message, and an index of one line each."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from functools import reduce
from html import escape
from pathlib import Path
from typing import Literal

from local.stack.logs import GrowingFile

LINK = re.compile(r"https?://[^\s<>\"')]+")


@dataclass(frozen=True)
class Entry:
    """One captured message, as listed. The subject of a text message is its text."""

    id: str
    to: list[str]
    subject: str
    sent_at: str
    links: list[str]
    kind: Literal["email", "sms"] = "email"


class Inbox:
    """The folder of captured messages. The AWS services' process writes it, and the gateway's reads it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = GrowingFile(folder / "index.jsonl")
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, message_id: str, to: Sequence[str], raw: str, kind: Literal["email", "sms"] = "email") -> None:
        """Keep a message that came as MIME."""
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S%f}-{message_id[-8:]}"
        content = raw.encode("utf-8", "surrogateescape")
        (self._folder / f"{name}.eml").write_bytes(content)
        message = _parse(content)
        addresses = sorted({address for _, address in getaddresses(to)})
        subject = str(message["subject"] or "").strip()  # a long one may begin on a line of its own
        entry = Entry(name, addresses, subject, now.isoformat(), _links(message), kind)
        with self._index.path.open("a") as index:  # one write, so that readers see whole lines
            index.write(json.dumps(asdict(entry)) + "\n")

    def add_simple(
        self, message_id: str, to: dict[str, list[str]] | Sequence[str], sender: str, subject: str, body: str
    ) -> None:
        """Keep a message that came as subject and body."""
        addresses = [address for part in to.values() for address in part] if isinstance(to, dict) else list(to)
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, ", ".join(addresses), subject
        message.set_content(body, subtype="html" if body.lstrip().startswith("<") else "plain")
        self.add(message_id, addresses, message.as_string())

    def add_sms(self, message_id: str, phone: str, text: str) -> None:
        """Keep a text message."""
        message = EmailMessage()
        message["To"], message["Subject"] = phone, " ".join(text.split())
        message.set_content(text)
        self.add(message_id, [phone], message.as_string(), "sms")

    def entries(self, to: str | None = None) -> list[Entry]:
        """Return the messages, newest first; with `to`, only those to one address."""
        with self._lock:
            self._entries += [Entry(**json.loads(line)) for line in self._index.new_lines()]
            entries = [entry for entry in self._entries if to is None or to in entry.to]
        return entries[::-1]

    def raw(self, entry_id: str) -> bytes | None:
        """Return a message as it was sent, or None if no message has that id."""
        path = self._folder / f"{entry_id}.eml"
        return path.read_bytes() if path.parent == self._folder and path.exists() else None

    def html(self, entry_id: str) -> str | None:
        """Return a message's HTML body with its pictures in it, or its text as HTML; None if no message has that id."""
        raw = self.raw(entry_id)
        if raw is None:
            return None
        message = _parse(raw)
        body = message.get_body(("html", "plain"))
        if body is None:
            return "<p>This message has no body.</p>"
        content = str(body.get_content())
        if body.get_content_subtype() != "html":
            return f"<pre>{escape(content)}</pre>"
        return reduce(_with_picture, (part for part in message.walk() if part["Content-ID"]), content)


def _parse(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _links(message: EmailMessage) -> list[str]:
    body = message.get_body(("plain", "html"))
    return list(dict.fromkeys(LINK.findall(str(body.get_content())))) if body else []


def _with_picture(html: str, part: EmailMessage) -> str:
    """Replace the references to an attached picture by the picture itself."""
    data = base64.b64encode(part.get_content()).decode()
    return html.replace(f"cid:{part['Content-ID'].strip('<>')}", f"data:{part.get_content_type()};base64,{data}")
