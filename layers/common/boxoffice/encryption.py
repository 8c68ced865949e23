"""Encryption of what the database keeps secret: AES-256-GCM (NIST SP 800-38D) under keys of a key ring.

Who reads the database, or a backup of it, finds nothing that can be used. Each purpose has a key of its own, derived
from the ring's. A text is bound to its owner: in another row it cannot be decrypted.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from boxoffice.signing import current_key, key

_NONCE_SIZE = 12  # bytes, as GCM recommends


@dataclass(frozen=True)
class Encrypted:
    """An encrypted text, and the id of the key in the ring that it needs."""

    key_id: int
    content: bytes


def encrypt(ring: str, purpose: str, owner: bytes, plain: bytes) -> Encrypted:
    """Encrypt a text with the ring's current key.

    Args:
        ring: the id of the key ring's secret.
        purpose: what the text is, so that no other part of the product can decrypt it by mistake.
        owner: whose text it is, such as the bytes of an account's id.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id, master = current_key(ring)
    nonce = secrets.token_bytes(_NONCE_SIZE)
    return Encrypted(int(key_id), nonce + AESGCM(_derived(master, purpose)).encrypt(nonce, plain, owner))


def decrypt(ring: str, purpose: str, owner: bytes, encrypted: Encrypted) -> bytes | None:
    """Return the text, or None if its key was taken out of the ring.

    Raises:
        ValueError: the content was changed, or belongs to another owner or purpose.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    master = key(ring, str(encrypted.key_id))
    if master is None:
        return None
    nonce, text = encrypted.content[:_NONCE_SIZE], encrypted.content[_NONCE_SIZE:]
    try:
        return AESGCM(_derived(master, purpose)).decrypt(nonce, text, owner)
    except InvalidTag as error:
        raise ValueError("the encrypted text is not its owner's") from error


def _derived(master: bytes, purpose: str) -> bytes:
    """Return the 256-bit key for a purpose."""
    return hmac.digest(master, f"encrypt {purpose}".encode(), hashlib.sha256)
