"""An email's content as a MIME message: plain text, and HTML with its pictures inside; then what is attached.

Headers that say what others wrote are the standard library's, which folds and encodes them and refuses line breaks. All
else is put together here, since the library takes five times as long: it parses each header to write it out again.
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
from boxoffice.messaging.rules import ascii_address

# A boundary with "=_" in it appears in no part: quoted-printable and base64 do not write that (RFC 2045, section 6.7).
_MIXED = "=_mixed"
_ALTERNATIVE = "=_alternative"
_RELATED = "=_related"


def email_of(message_id: UUID, recipient: str, content: Content, sender: str, now: datetime) -> Email:
    """The email as it is handed over, in ASCII throughout (RFC 5322, 2045, 2387).

    Its Message-ID is made of the outbox id, so that a second copy is known for what it is. SES puts an id of its own in
    the place of ours, which X-Outbox-Id outlives.

    Raises:
        ValueError, HeaderParseError: the recipient is no address that SES delivers to.
    """
    to = Address(addr_spec=ascii_address(recipient))
    from_header, domain = _from(sender)
    ours = {
        "Date": format_datetime(now),
        "Message-ID": f"<{message_id}@{domain}>",
        "X-Outbox-Id": str(message_id),
        "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday notices in return
    }
    headers = [from_header, _header("To", to), _header("Subject", content.subject), _headers(ours)]
    return Email(to.addr_spec, b"".join(headers) + _body(content))


@cache
def _from(sender: str) -> tuple[bytes, str]:
    """The header that names the sender, and their domain."""
    name, address = parseaddr(sender)
    return _header("From", Address(name, addr_spec=address)), address.rpartition("@")[2]


def _header(name: str, value: str | Address) -> bytes:
    header: bytes = SMTP.fold_binary(*SMTP.header_store_parse(name, value))
    return header


def _body(content: Content) -> bytes:
    """The body, and in front of it the headers that describe it."""
    html = _multipart(_RELATED, [_text("html", content.html), *map(_picture, content.images)])
    related = _part({"Content-Type": f'multipart/related; type="text/html"; boundary="{_RELATED}"'}, html)
    said = _part(
        {"Content-Type": f'multipart/alternative; boundary="{_ALTERNATIVE}"'},
        _multipart(_ALTERNATIVE, [_text("plain", content.text), related]),
    )
    if content.attachments:
        attached = _multipart(_MIXED, [said, *map(_attachment, content.attachments)])
        said = _part({"Content-Type": f'multipart/mixed; boundary="{_MIXED}"'}, attached)
    return b"MIME-Version: 1.0\r\n" + said


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
    """Headers that come from us alone."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
