"""The QR of a ticket or a claim: its text and its picture.

The text begins with a prefix, such as `BO1:`. 35 bytes follow, in base32 without padding:

- the id of the master key (1 byte)
- the transfer count (2 bytes)
- the id of the ticket or claim (16 bytes)
- the proof: the first 16 bytes of an HMAC-SHA256 over the others. Its key is derived from the master key for the
  organisation.

The 60 characters all belong to QR's alphanumeric mode. They fit version 3 at error correction M, which a worn phone
screen can still show. The text holds no personal data. Only its SHA-256 is stored; the text is made again when needed.
"""

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from boxoffice import pasted, qr_pictures
from boxoffice.signing import mac

_HEAD = struct.Struct(">BH16s")
_MAC_SIZE = 16
_VERSION, _MASK = 3, 2
_PIXELS = bytes.maketrans(b"01", b"\xff\x00")


@dataclass(frozen=True)
class Kind:
    """What a QR is for. Readers know it by its prefix; the purpose gives each kind signing keys of its own."""

    prefix: str
    purpose: str


TICKET = Kind("BO1:", "ticket")


def text_of(
    master: bytes, key_id: int, transfer_count: int, organisation_id: UUID, subject_id: UUID, kind: Kind = TICKET
) -> str:
    """Return the signed text of the QR of a ticket, or of something of another kind.

    Args:
        master: the master key.
        key_id: the id of the master key.
        transfer_count: how often the ticket was transferred; 0 for other kinds.
        organisation_id: the organisation that sells the ticket.
        subject_id: the ticket, or what else the QR is for.
        kind: what the QR is for.
    """
    head = _HEAD.pack(key_id, transfer_count, subject_id.bytes)
    proof = mac(master, f"{kind.purpose} {organisation_id}", head)[:_MAC_SIZE]
    return kind.prefix + base64.b32encode(head + proof).decode().rstrip("=")


@dataclass(frozen=True)
class Claimed:
    """What a text says. It proves nothing: for that, compare `hash_of` with the stored hash."""

    key_id: int
    transfer_count: int
    subject_id: UUID


def as_printed(text: str) -> str:
    """Return the text of a QR as we print it, whatever a scanner or a keyboard has made of it.

    Base32 has capitals alone. So small letters mean the same, as do letters of full width. White space, line breaks and
    characters without a width are no part of it. Devices do the same before they hash a text (docs/scanning.md).
    """
    return pasted.plain(text).upper()


def read(text: str, kind: Kind = TICKET) -> Claimed | None:
    """Return what a text, as we print it, says of a ticket or another subject. None if it is not of this kind."""
    if not text.startswith(kind.prefix):
        return None
    try:
        content = base64.b32decode(text.removeprefix(kind.prefix))
    except ValueError:
        return None
    if len(content) != _HEAD.size + _MAC_SIZE:
        return None
    key_id, transfer_count, subject_id = _HEAD.unpack_from(content)
    return Claimed(key_id, transfer_count, UUID(bytes=subject_id))


def hash_of(text: str) -> bytes:
    """Return the hash of a text: all that is stored of it."""
    return hashlib.sha256(text.encode()).digest()


def svg(text: str) -> bytes:
    """Return a picture that is sharp at any size, with the quiet zone that readers need."""
    return qr_pictures.svg(_modules(text))


def png(text: str) -> bytes:
    """Return a picture of about 300 by 300 pixels, for emails and other places that do not show SVG.

    This function writes the file by itself (PNG, ISO/IEC 15948). An email needs one for each ticket, and a library
    takes ten times as long.
    """
    rows = _modules(text)
    side = 8 * len(rows)  # pixels: a module is 8 wide and 8 high
    # A byte is 8 pixels of one bit each. Each line begins with the byte 0, which means: no filter.
    lines = [b"\0" + row.translate(_PIXELS) for row in rows]
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(line * 8 for line in lines), level=1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@lru_cache(maxsize=64)  # an email has each picture twice: in its text and in its PDF
def _modules(text: str) -> list[bytes]:
    """Return the rows of the picture with its quiet zone, one byte a module: `1` is dark and `0` is light.

    All QRs use the same mask. Our texts look random, so every mask makes about as even a picture. The library would
    take ten times as long to try them all.
    """
    import qrcode

    code = qrcode.QRCode(_VERSION, qrcode.ERROR_CORRECT_M, border=4, mask_pattern=_MASK)
    code.add_data(text, optimize=0)
    code.make(fit=False)
    return qr_pictures.rows_of(code)
