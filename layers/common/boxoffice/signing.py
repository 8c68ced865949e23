"""Key rings in Secrets Manager, and the signatures and tokens made with them.

A key ring is flat JSON: ``{"current": "2", "1": "…", "2": "…"}``. ``current`` names the key that signs; every key in
the ring verifies. A rotation adds a key and changes ``current``. To withdraw a key revokes what it signed.
"""

import base64
import hashlib
import hmac

from boxoffice.config import secret


def current_key(ring: str) -> tuple[str, bytes]:
    """Return the id and the bytes of the key that signs. ``ring`` is the id of the secret."""
    keys = secret(ring)
    return keys["current"], keys[keys["current"]].encode()


def key(ring: str, key_id: str) -> bytes | None:
    """Return a key by its id, or None if the ring does not have it."""
    if not key_id.isdecimal():
        return None
    text = secret(ring).get(key_id) or secret(ring, fresh=True).get(key_id)
    return text.encode() if text else None


def withdrawn_keys(ring: str) -> list[int]:
    """Return the ids of withdrawn keys: those below the current id that the ring does not have."""
    keys = secret(ring)
    return [number for number in range(1, int(keys["current"])) if str(number) not in keys]


def live_keys(ring: str) -> list[bytes]:
    """Return every key of a ring that is not withdrawn."""
    return [text.encode() for key_id, text in secret(ring).items() if key_id.isdecimal()]


def is_withdrawn(ring: str, key_id: int) -> bool:
    """Return True if a key that has signed something of ours is not in the ring any more."""
    return key(ring, str(key_id)) is None


def mac(master: bytes, purpose: str, message: bytes) -> bytes:
    """Return an HMAC-SHA256 under a key that is derived for one purpose, so that it proves nothing for another."""
    derived = hmac.digest(master, purpose.encode(), hashlib.sha256)
    return hmac.digest(derived, message, hashlib.sha256)


def token(ring: str, purpose: str, message: bytes) -> str:
    """Return a short proof that we issued a token for this message and purpose: ``<key id>.<mac>``."""
    key_id, master = current_key(ring)
    return f"{key_id}.{_text(mac(master, purpose, message))}"


def is_token(ring: str, purpose: str, message: bytes, presented: str) -> bool:
    """Return True if ``presented`` is our token for this message and purpose, under any key of the ring."""
    key_id, _, signature = presented.partition(".")
    master = key(ring, key_id)
    expected = _text(mac(master, purpose, message)) if master else ""
    return bool(expected) and hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def _text(signature: bytes) -> str:
    return base64.urlsafe_b64encode(signature[:24]).decode()
