"""The QR of a ticket, or of another thing of ours: what it says, and its picture.

The text is ``BO1:`` and, in base32 without padding: the id of the master key (1 byte), how often the ticket was
transferred (2), its id (16), and the first 16 bytes of an HMAC-SHA256 over these. The HMAC's key is derived from the
master key for the organisation.

The 60 characters are all of QR's alphanumeric mode and fit version 3 at error correction M: coarse enough for a worn
phone screen. There is no personal data in it. Only its SHA-256 is stored; the text is rebuilt whenever it is needed.
"""

import base64
import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from boxoffice.signing import mac

_HEAD = struct.Struct(">BH16s")
_MAC_SIZE = 16
_VERSION, _MASK = 3, 2
_DARK = re.compile(b"1+")
_PIXELS = bytes.maketrans(b"01", b"\xff\x00")


@dataclass(frozen=True)
class Kind:
    """What a QR stands for: the prefix that readers tell it by, and the purpose that its key is derived for."""

    prefix: str
    purpose: str


TICKET = Kind("BO1:", "ticket")


def text_of(
    master: bytes, key_id: int, transfer_count: int, organisation_id: UUID, thing_id: UUID, kind: Kind = TICKET
) -> str:
    """What the QR of a ticket, or of another kind of thing, says. ``master`` is the key of that id."""
    head = _HEAD.pack(key_id, transfer_count, thing_id.bytes)
    proof = mac(master, f"{kind.purpose} {organisation_id}", head)[:_MAC_SIZE]
    return kind.prefix + base64.b32encode(head + proof).decode().rstrip("=")


def read(text: str, kind: Kind = TICKET) -> tuple[int, UUID] | None:
    """The key and the thing that a text names, or None if it is none of this kind. This proves nothing yet."""
    if not text.startswith(kind.prefix):
        return None
    try:
        content = base64.b32decode(text.removeprefix(kind.prefix))
    except ValueError:
        return None
    if len(content) != _HEAD.size + _MAC_SIZE:
        return None
    key_id, _, thing_id = _HEAD.unpack_from(content)
    return key_id, UUID(bytes=thing_id)


def hash_of(text: str) -> bytes:
    """What is stored of a text."""
    return hashlib.sha256(text.encode()).digest()


def svg(text: str) -> bytes:
    """A picture that is sharp at any size, black on white with the quiet zone that readers need."""
    rows = _modules(text)
    runs = "".join(_run(y, *run.span()) for y, row in enumerate(rows) for run in _DARK.finditer(row))
    side = len(rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}mm" height="{side}mm" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{runs}"/></svg>\n'
    ).encode()


def _run(y: int, start: int, end: int) -> str:
    """Dark modules side by side, as a rectangle of the path."""
    return f"M{start} {y}h{end - start}v1h{start - end}z"


def png(text: str) -> bytes:
    """A picture of about 300 by 300 pixels, for where SVG is not shown.

    The file is put together here (PNG, ISO/IEC 15948): emails take one for each ticket, and a library is ten times as
    slow.
    """
    rows = _modules(text)
    side = 8 * len(rows)  # pixels: a module is 8 wide, at a bit each, and 8 high
    lines = [b"\0" + row.translate(_PIXELS) for row in rows]  # each begins with its filter, none
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(line * 8 for line in lines), level=1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@lru_cache(maxsize=64)  # an email shows the picture, and then its PDF
def _modules(text: str) -> list[bytes]:
    """The rows of the picture with its quiet zone, a byte a module: ``1`` is dark and ``0`` is light.

    One mask for all: a text of ours is as good as random, so its picture is about as even under every mask, and the
    library takes ten times as long to try them.
    """
    import qrcode

    code = qrcode.QRCode(_VERSION, qrcode.ERROR_CORRECT_M, border=4, mask_pattern=_MASK)
    code.add_data(text, optimize=0)
    code.make(fit=False)
    return [bytes(b"01"[dark] for dark in row) for row in code.get_matrix()]
