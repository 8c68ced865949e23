"""The QR of a ticket, or of another thing of ours: what it says, and its picture.

The text is ``BO1:`` and, in base32 without padding, the id of the master key (1 byte), the ticket's epoch (2), its id
(16) and the first 16 bytes of an HMAC-SHA256 over these, under a key derived from the master for the organisation. The
60 characters are all of QR's alphanumeric mode and fit version 3 at error correction M: coarse enough for a worn phone
screen. There is no personal data in it. Only its SHA-256 is stored; the text is rebuilt whenever it is needed.
"""

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from boxoffice.signing import mac

_HEAD = struct.Struct(">BH16s")
_MAC_SIZE = 16
_PIXELS = 8  # a module of the PNG
# One mask for all. A text is as good as random, so its picture is about as even under every mask, and is read as well;
# to find the best of the eight takes five times as long as to draw.
_MASK = 2


@dataclass(frozen=True)
class Kind:
    """What a QR stands for: the prefix that readers tell it by, and the purpose that its key is derived for."""

    prefix: str
    purpose: str


TICKET = Kind("BO1:", "ticket")


def text_of(master: bytes, key_id: int, epoch: int, organisation_id: UUID, thing_id: UUID, kind: Kind = TICKET) -> str:
    """What the QR of a ticket, or of another kind of thing, says. ``master`` is the key of that id."""
    head = _HEAD.pack(key_id, epoch, thing_id.bytes)
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
    modules = _code(text).get_matrix()
    runs = "".join(
        f"M{start} {y}h{length}v1h-{length}z" for y, row in enumerate(modules) for start, length in _dark_runs(row)
    )
    side = len(modules)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}mm" height="{side}mm" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d="{runs}"/></svg>\n'
    ).encode()


def _dark_runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where dark modules stand side by side: the first one's place, and how many they are."""
    for dark, run in groupby(enumerate(row), key=itemgetter(1)):
        places = [place for place, _ in run]
        if dark:
            yield places[0], len(places)


@lru_cache(maxsize=64)  # an email shows the picture, and then its PDF
def png(text: str) -> bytes:
    """A picture of about 300 by 300 pixels, for where SVG is not shown.

    The file is put together here (PNG, ISO/IEC 15948): emails take one for each ticket, and a library is ten times as
    slow.
    """
    # Each line of pixels begins with its filter, none, and has one bit a pixel: a module is 8 pixels wide, so one byte.
    lines = [b"\0" + bytes(0x00 if dark else 0xFF for dark in row) for row in _code(text).get_matrix()]
    side = _PIXELS * len(lines)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(line * _PIXELS for line in lines))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _code(text: str) -> Any:
    import qrcode

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=_PIXELS, border=4, mask_pattern=_MASK)
    code.add_data(text, optimize=0)
    return code
