"""An email as a MIME message: plain text, HTML with its pictures, then the attachments.

The standard library writes the headers that contain the text of others: it folds and encodes them, and refuses line
breaks. This module writes all other parts, because the library parses each header again and takes five times as long.
"""

import base64
import quopri
from collections.abc import Iterable
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from uuid import UUID

from boxoffice.emails import Attachment, Content, Image
from boxoffice.messaging.models import Email

# No part contains "=_", since quoted-printable and base64 never write it (RFC 2045, section 6.7).
_MIXED = "=_mixed"
_ALTERNATIVE = "=_alternative"
_RELATED = "=_related"


def email_of(message_id: UUID, recipient: str, content: Content, sender: str, now: datetime) -> Email:
    """Return the email to hand to SES, in ASCII throughout (RFC 5322, 2045, 2387).

    Its Message-ID contains the id of the message, so that mail programs recognise a second copy. SES replaces the
    Message-ID by its own, so X-Outbox-Id repeats our id.

    Raises:
        ValueError, HeaderParseError: SES cannot deliver to the recipient.
    """
    if not recipient.isascii():
        raise ValueError("the address has characters that are not ASCII")
    to = Address(addr_spec=recipient)
    from_header, domain = _from(sender)
    ours = {
        "Date": format_datetime(now),
        "Message-ID": f"<{message_id}@{domain}>",
        "X-Outbox-Id": str(message_id),
        "Auto-Submitted": "auto-generated",  # so that nobody's holiday notice answers (RFC 3834)
    }
    headers = [from_header, _header("To", to), _header("Subject", content.subject), _headers(ours)]
    return Email(to.addr_spec, b"".join(headers) + _body(content))


@cache
def _from(sender: str) -> tuple[bytes, str]:
    """Return the From header, and the domain of the sender's address."""
    name, address = parseaddr(sender)
    return _header("From", Address(name, addr_spec=address)), address.rpartition("@")[2]


def _header(name: str, value: str | Address) -> bytes:
    header: bytes = SMTP.fold_binary(*SMTP.header_store_parse(name, value))
    return header


def _body(content: Content) -> bytes:
    """Return the body, with the headers that describe it before it."""
    html = _multipart(_RELATED, [_text("html", content.html), *map(_picture, content.images)])
    related = _part({"Content-Type": f'multipart/related; type="text/html"; boundary="{_RELATED}"'}, html)
    body = _part(
        {"Content-Type": f'multipart/alternative; boundary="{_ALTERNATIVE}"'},
        _multipart(_ALTERNATIVE, [_text("plain", content.text), related]),
    )
    if content.attachments:
        attached = _multipart(_MIXED, [body, *map(_attachment, content.attachments)])
        body = _part({"Content-Type": f'multipart/mixed; boundary="{_MIXED}"'}, attached)
    return b"MIME-Version: 1.0\r\n" + body


def _multipart(boundary: str, parts: Iterable[bytes]) -> bytes:
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def _text(kind: str, text: str) -> bytes:
    lines = "\n".join(text.splitlines()) + "\n"
    headers = {"Content-Type": f'text/{kind}; charset="utf-8"', "Content-Transfer-Encoding": "quoted-printable"}
    return _part(headers, quopri.encodestring(lines.encode()).replace(b"\n", b"\r\n"))


def _picture(image: Image) -> bytes:
    headers = {
        "Content-Type": "image/png",
        "Content-Transfer-Encoding": "base64",
        "Content-ID": f"<{image.content_id}>",
        "Content-Disposition": f'inline; filename="{image.name}"',
    }
    return _part(headers, base64.encodebytes(image.png).replace(b"\n", b"\r\n"))


def _attachment(attachment: Attachment) -> bytes:
    headers = {
        "Content-Type": attachment.media_type,
        "Content-Transfer-Encoding": "base64",
        "Content-Disposition": f'attachment; filename="{attachment.name}"',
    }
    return _part(headers, base64.encodebytes(attachment.content).replace(b"\n", b"\r\n"))


def _part(headers: dict[str, str], body: bytes) -> bytes:
    return _headers(headers) + b"\r\n" + body


def _headers(headers: dict[str, str]) -> bytes:
    """Return headers that contain nothing that others wrote, so that they need no encoding."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
