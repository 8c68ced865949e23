"""The QR of a ticket: what it says, and its picture.

The text is ``BO1:`` and, in base32 without padding, the id of the master key (1 byte), the ticket's epoch (2), its id
(16) and the first 16 bytes of an HMAC-SHA256 over these, under a key derived from the master for the organisation. The
60 characters are all of QR's alphanumeric mode and fit version 3 at error correction M: coarse enough for a worn phone
screen. There is no personal data in it. Only its SHA-256 is stored; the text is rebuilt whenever it is needed.
"""

import base64
import hashlib
import io
import struct
from typing import Any
from uuid import UUID

from boxoffice.signing import mac

_PREFIX = "BO1:"
_HEAD = struct.Struct(">BH16s")
_MAC_SIZE = 16
_PIXELS = 8  # a module of the PNG


def text_of(master: bytes, key_id: int, epoch: int, organisation_id: UUID, ticket_id: UUID) -> str:
    """What a ticket's QR says. ``master`` is the key of that id."""
    head = _HEAD.pack(key_id, epoch, ticket_id.bytes)
    proof = mac(master, f"ticket {organisation_id}", head)[:_MAC_SIZE]
    return _PREFIX + base64.b32encode(head + proof).decode().rstrip("=")


def read(text: str) -> tuple[int, UUID] | None:
    """The key and the ticket that a text names, or None if it is not one of ours. This proves nothing yet."""
    if not text.startswith(_PREFIX):
        return None
    try:
        content = base64.b32decode(text.removeprefix(_PREFIX))
    except ValueError:
        return None
    if len(content) != _HEAD.size + _MAC_SIZE:
        return None
    key_id, _, ticket_id = _HEAD.unpack_from(content)
    return key_id, UUID(bytes=ticket_id)


def hash_of(text: str) -> bytes:
    """What is stored of a text."""
    return hashlib.sha256(text.encode()).digest()


def svg(text: str) -> bytes:
    """A picture that is sharp at any size, black on white with the quiet zone that readers need."""
    from qrcode.image.svg import SvgPathFillImage

    return _drawn(text, SvgPathFillImage)


def png(text: str) -> bytes:
    """A picture of about 300 by 300 pixels, for where SVG is not shown."""
    from qrcode.image.pure import PyPNGImage

    return _drawn(text, PyPNGImage)


def _drawn(text: str, image: Any) -> bytes:
    import qrcode

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=_PIXELS, border=4)
    code.add_data(text, optimize=0)
    picture = io.BytesIO()
    code.make_image(image).save(picture)
    return picture.getvalue()
