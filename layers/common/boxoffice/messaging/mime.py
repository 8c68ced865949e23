"""An email as a MIME message: plain text, HTML with its pictures, then the attachments.

The standard library encodes the headers that contain the text of others. Its class `Header` does, which keeps encoded
words within the 75 octets of RFC 2047; its policies write 76, and take nine times as long. This module writes all else.
"""

import base64
import quopri
import re
from collections.abc import Iterable
from datetime import datetime
from email.errors import HeaderParseError
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from uuid import UUID

from boxoffice.emails import Attachment, Content, Image
from boxoffice.messaging.models import Email

# No part contains "=_", since quoted-printable and base64 never write it (RFC 2045, section 6.7).
_MIXED = "=_mixed"
_ALTERNATIVE = "=_alternative"
_RELATED = "=_related"

_ONE_CLICK = "List-Unsubscribe=One-Click"  # RFC 8058, section 2

_MOST_OCTETS = 76  # in a line that has encoded words (RFC 2047, section 2)
_AT = re.compile("[@\uff20\ufe6b]")  # with the wide and the small one, which Unicode counts as the same
_WORDS = re.compile("[A-Za-z0-9&'*+-]+(?: [A-Za-z0-9&'*+-]+)*")  # need no quotes (RFC 5322, section 3.2.3)


def email_of(message_id: UUID, recipient: str, content: Content, sender: str, now: datetime) -> Email:
    """Return the email to hand to SES, in ASCII throughout (RFC 5322, 2045, 2387).

    Its Message-ID contains the id of the message, so that mail programs recognise a second copy. SES replaces the
    Message-ID by its own, so X-Outbox-Id repeats our id.

    Raises:
        ValueError, HeaderParseError: SES cannot deliver to the recipient.
    """
    to = _address(recipient)
    from_header, domain = _from(content.sender, sender)
    reply_to = _reply_to(content.reply_to)
    ours = {
        "Date": format_datetime(now),
        "Message-ID": f"<{message_id}@{domain}>",
        "X-Outbox-Id": str(message_id),
        "Auto-Submitted": "auto-generated",  # so that nobody's holiday notice answers (RFC 3834)
    }
    answers = {"Reply-To": reply_to} if reply_to else {}
    if content.unsubscribe_url:
        # In one line: some programs that look for them do not unfold headers.
        ours |= {"List-Unsubscribe": f"<{content.unsubscribe_url}>", "List-Unsubscribe-Post": _ONE_CLICK}
    headers = [from_header, _headers(answers | {"To": to}), _header("Subject", content.subject), _headers(ours)]
    return Email(message_id, to, b"".join(headers) + _body(content))


@lru_cache(maxsize=256)  # in a sale, hundreds of emails come from the same few sellers
def _from(name: str | None, sender: str) -> tuple[bytes, str]:
    """Return the From header, and the domain of the sender's address.

    Args:
        name: who writes. By default the name in ``sender``.
    """
    own_name, address = parseaddr(sender)
    phrase = _phrase(name or own_name) if name or own_name else None
    shown = f"{phrase} <{address}>" if phrase else address
    if len(f"From: {shown}".rpartition("\n")[2]) > _MOST_OCTETS:
        shown = f"{phrase}\r\n <{address}>"
    return f"From: {shown}\r\n".encode(), address.rpartition("@")[2]


def _phrase(name: str) -> str:
    """Return a name as the part of an address that people see. It has no @, so it cannot look like another address."""
    name = " ".join(_AT.sub(" at ", name).split())
    if _WORDS.fullmatch(name) and _is_plain("From", name):
        return name
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return quoted if _is_plain("From", quoted) else _encoded("From", name)


def _header(name: str, text: str) -> bytes:
    """Return a header with the text of others.

    Raises:
        ValueError: the text has a line break, with which it could add a header.
    """
    if "\n" in text or "\r" in text:
        raise ValueError(f"{name} has a linefeed")
    return f"{name}: {text if _is_plain(name, text) else _encoded(name, text)}\r\n".encode()


def _is_plain(name: str, text: str) -> bool:
    """Return True if a header can have a text as it is: one line of ASCII, which does not read as an encoded word."""
    fits = len(name) + 2 + len(text) <= _MOST_OCTETS
    return fits and text.isascii() and text.isprintable() and "=?" not in text


def _encoded(name: str, text: str) -> str:
    """Return a text as encoded words, a line each. They never divide a character (RFC 2047, sections 2 and 5)."""
    return Header(text, "utf-8", maxlinelen=_MOST_OCTETS, header_name=name).encode(linesep="\r\n")


def _address(address: str) -> str:
    """Return one address, which has no other text around it.

    Raises:
        ValueError, HeaderParseError: it is another text, or SES cannot deliver to it.
    """
    if not address.isascii():
        raise ValueError("the address has characters that are not ASCII")
    return Address(addr_spec=address).addr_spec


def _reply_to(address: str | None) -> str | None:
    """Return where answers go. None if nobody can write to that address: then they go to our own."""
    try:
        return _address(address) if address else None
    except (ValueError, HeaderParseError):
        return None


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
