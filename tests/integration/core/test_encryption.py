"""What the database keeps secret can be read by its owner's key alone."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from boxoffice import config
from boxoffice.encryption import Encrypted, decrypt, encrypt
from tests.helpers.rings import KeyRing

OWNER, PLAIN = b"account 1", "JBSWY3DPEHPK3PXP: \N{GRINNING FACE} سلام".encode()


@pytest.fixture
def ring(aws_url: str) -> KeyRing:
    return KeyRing()


def test_it_comes_back_for_its_owner_and_purpose_alone(ring: KeyRing) -> None:
    encrypted = encrypt(ring.id, "second factor", OWNER, PLAIN)

    assert decrypt(ring.id, "second factor", OWNER, encrypted) == PLAIN
    for purpose, owner in [("second factor", b"account 2"), ("payout method", OWNER), ("second factor", b"")]:
        with pytest.raises(ValueError, match="not its owner's"):
            decrypt(ring.id, purpose, owner, encrypted)


def test_it_is_aes_256_gcm_under_a_derived_key(ring: KeyRing) -> None:
    """The lower-level interface of the library decrypts it with what the documentation says."""
    encrypted = encrypt(ring.id, "second factor", OWNER, PLAIN)

    key = hmac.new(ring.keys["1"].encode(), b"encrypt second factor", hashlib.sha256).digest()
    nonce, text, tag = encrypted.content[:12], encrypted.content[12:-16], encrypted.content[-16:]
    decryptor = Cipher(algorithms.AES256(key), modes.GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(OWNER)
    assert decryptor.update(text) + decryptor.finalize() == PLAIN
    assert encrypted.key_id == 1


def test_every_bit_that_is_changed_is_noticed(ring: KeyRing) -> None:
    encrypted = encrypt(ring.id, "second factor", OWNER, b"x")
    for position in range(len(encrypted.content)):
        changed = bytearray(encrypted.content)
        changed[position] ^= 1
        with pytest.raises(ValueError, match="not its owner's"):
            decrypt(ring.id, "second factor", OWNER, Encrypted(1, bytes(changed)))


def test_the_same_text_looks_different_each_time(ring: KeyRing) -> None:
    assert len({encrypt(ring.id, "second factor", OWNER, PLAIN).content for _ in range(100)}) == 100


def test_an_old_key_decrypts_until_it_is_taken_out(ring: KeyRing) -> None:
    encrypted = encrypt(ring.id, "second factor", OWNER, PLAIN)
    ring.rotate()
    config.forget_secrets()
    newer = encrypt(ring.id, "second factor", OWNER, PLAIN)

    assert (encrypted.key_id, newer.key_id) == (1, 2)
    assert decrypt(ring.id, "second factor", OWNER, encrypted) == PLAIN

    ring.take_out("1")
    config.forget_secrets()
    assert decrypt(ring.id, "second factor", OWNER, encrypted) is None
    assert decrypt(ring.id, "second factor", OWNER, newer) == PLAIN
