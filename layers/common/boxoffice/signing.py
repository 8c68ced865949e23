"""Key rings in Secrets Manager and what is signed with them.

A ring is flat JSON, ``{"current": "2", "1": "…", "2": "…"}``: ``current`` names the key that signs, and every key that
is present verifies. Rotation adds a key and moves ``current``; taking a key out revokes what it signed.
"""

import base64
import hashlib
import hmac

from boxoffice.config import secret


def current_key(ring: str) -> tuple[str, bytes]:
    """The id and the bytes of the key that signs. ``ring`` is the id of its secret."""
    keys = secret(ring)
    return keys["current"], keys[keys["current"]].encode()


def key(ring: str, key_id: str) -> bytes | None:
    """A key by its id, or None if the ring does not hold it (any more)."""
    if not key_id.isdecimal():
        return None
    found = secret(ring).get(key_id) or secret(ring, fresh=True).get(key_id)
    return found.encode() if found else None


def withdrawn_keys(ring: str) -> list[int]:
    """The ids of the keys that were taken out: those below the current one's that the ring does not hold."""
    keys = secret(ring)
    return [number for number in range(1, int(keys["current"])) if str(number) not in keys]


def mac(master: bytes, purpose: str, message: bytes) -> bytes:
    """HMAC-SHA256 under a key derived from the master for one purpose, so that no signature serves another."""
    derived = hmac.digest(master, purpose.encode(), hashlib.sha256)
    return hmac.digest(derived, message, hashlib.sha256)


def token(ring: str, purpose: str, message: bytes) -> str:
    """A compact proof that we issued something for this message: ``<key id>.<mac>``."""
    key_id, master = current_key(ring)
    return f"{key_id}.{_text(mac(master, purpose, message))}"


def is_token(ring: str, purpose: str, message: bytes, presented: str) -> bool:
    """Whether ``presented`` is a token of ours for this message, under any key of the ring."""
    key_id, _, signature = presented.partition(".")
    master = key(ring, key_id)
    expected = _text(mac(master, purpose, message)) if master else ""
    return bool(expected) and hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def _text(signature: bytes) -> str:
    return base64.urlsafe_b64encode(signature[:24]).decode()
