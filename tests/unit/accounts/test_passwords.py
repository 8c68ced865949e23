"""Passwords: their one spelling, and their bcrypt hashes."""

import pytest

from boxoffice.accounts import passwords
from boxoffice.config import settings


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("EMAIL_QUEUE_URL", "")
    settings.cache_clear()


def test_a_password_matches_its_hash_and_nothing_else_does() -> None:
    stored = passwords.hash_of("correct horse battery")

    assert passwords.matches("correct horse battery", stored)
    assert not passwords.matches("correct horse batter", stored)
    assert not passwords.matches("Correct horse battery", stored)


def test_two_hashes_of_one_password_differ() -> None:
    assert passwords.hash_of("correct horse battery") != passwords.hash_of("correct horse battery")


def test_all_72_bytes_count() -> None:
    stored = passwords.hash_of("x" * 72)

    assert not passwords.matches("x" * 71 + "y", stored)


def test_the_characters_after_a_null_byte_count() -> None:
    assert not passwords.matches("long enough\0b", passwords.hash_of("long enough\0a"))


def test_nothing_matches_where_no_password_is_stored() -> None:
    assert not passwords.matches("", None)
    assert not passwords.matches("correct horse battery", None)


def test_a_hash_of_another_cost_still_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = passwords.hash_of("correct horse battery")
    monkeypatch.setenv("BCRYPT_COST", "5")
    settings.cache_clear()

    assert passwords.matches("correct horse battery", stored)


def test_bytes_are_counted_not_characters() -> None:
    assert passwords.normalise("é" * 36) == "é" * 36
    with pytest.raises(ValueError, match="72 bytes"):
        passwords.normalise("é" * 36 + "x")


def test_letters_are_composed_before_they_are_counted() -> None:
    assert passwords.normalise("e\u0301" * 36) == "é" * 36
