"""Key rings, and the tokens that are derived from them."""

import pytest

from boxoffice import config, signing
from tests.helpers.rings import KeyRing


@pytest.fixture
def ring(aws_url: str) -> KeyRing:
    return KeyRing()


def test_a_token_proves_one_message_for_one_purpose(ring: KeyRing) -> None:
    token = signing.token(ring.id, "order", b"message")

    assert signing.is_token(ring.id, "order", b"message", token)
    assert not signing.is_token(ring.id, "order", b"messages", token)
    assert not signing.is_token(ring.id, "ticket", b"message", token)


def test_a_token_is_the_same_each_time(ring: KeyRing) -> None:
    assert signing.token(ring.id, "order", b"message") == signing.token(ring.id, "order", b"message")


def test_tokens_of_an_old_key_stay_valid(ring: KeyRing) -> None:
    old = signing.token(ring.id, "order", b"message")
    ring.rotate()
    config.forget_secrets()
    new = signing.token(ring.id, "order", b"message")

    assert old.startswith("1.")
    assert new.startswith("2.")
    assert signing.is_token(ring.id, "order", b"message", old)
    assert signing.is_token(ring.id, "order", b"message", new)


def test_tokens_of_a_withdrawn_key_are_not_valid(ring: KeyRing) -> None:
    old = signing.token(ring.id, "order", b"message")
    ring.rotate()
    ring.take_out("1")
    config.forget_secrets()

    assert not signing.is_token(ring.id, "order", b"message", old)


def test_a_signature_with_the_id_of_another_key_is_refused(ring: KeyRing) -> None:
    old = signing.token(ring.id, "order", b"message")
    ring.rotate()
    config.forget_secrets()

    assert not signing.is_token(ring.id, "order", b"message", old.replace("1.", "2.", 1))


def test_texts_that_are_not_tokens_are_refused(ring: KeyRing) -> None:
    token = signing.token(ring.id, "order", b"message")

    for presented in [
        "",
        ".",
        "1",
        "1.",
        "current.",
        "9.x",
        token[:-1],
        token + "=",
        "1.\u00e9",
        "1.\ud800",
        "\u00b9.x",
        " " + token,
    ]:
        assert not signing.is_token(ring.id, "order", b"message", presented), presented


def test_a_signature_for_one_purpose_differs_from_that_for_another() -> None:
    assert signing.mac(b"master", "order", b"message") != signing.mac(b"master", "ticket", b"message")
    assert len(signing.mac(b"master", "order", b"message")) == 32
