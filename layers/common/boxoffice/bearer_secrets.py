"""The secrets that programs send: API keys, and the tokens of door devices.

Each has a prefix that says what it is, 34 random characters, and a checksum of six. So scanners of source code find it
by a regular expression, and a mistyped one is refused without a look-up. GitHub's tokens have this form:
https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/

The database holds the SHA-256 alone. Nobody can guess 200 random bits, so the hash needs no salt.
"""

import hashlib
import re
import secrets
import zlib

API_KEY = "boxoffice_key_"
DEVICE_TOKEN = "boxoffice_door_"  # noqa: S105 - a prefix

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"(boxoffice_(?:key|door)_)([0-9A-Za-z]{34})([0-9A-Za-z]{6})")


def new_secret(prefix: str) -> str:
    """Return a secret of the kind that the prefix names."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(34))
    return f"{prefix}{random}{checksum(random)}"


def is_secret(text: str, prefix: str) -> bool:
    """Return True if a text has the form of a secret of this kind. This does not prove that we made it."""
    parts = _FORM.fullmatch(text)
    return parts is not None and parts[1] == prefix and parts[3] == checksum(parts[2])


def checksum(random: str) -> str:
    """Return the CRC-32 of a text in base 62, with leading zeros: six characters."""
    number, digits = zlib.crc32(random.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits


def hash_of(secret: str) -> bytes:
    """Return what the database holds of a secret."""
    return hashlib.sha256(secret.encode()).digest()
