"""Passwords: their one spelling, and their bcrypt hashes."""

import time

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from boxoffice.accounts import passwords
from boxoffice.accounts.errors import GuessablePassword
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
    long = ("correct horse battery staple " * 3)[:71]
    stored = passwords.hash_of(long + "x")

    assert len(long) == 71
    assert not passwords.matches(long + "y", stored)


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


@pytest.mark.parametrize(
    "password",
    [
        # ten characters or more, from the published lists of leaked passwords
        "1234567890",
        "1q2w3e4r5t6y",
        "qwertyuiop",
        "password123",
        "iloveyou123",
        "Passw0rd123",
        "letmein123",
        "trustno1trustno1",
        "football2020",
        "0987654321",
        "aaaaaaaaaaaa",
        "abcdefghijklmnop",
        # what is known of the person or the service
        "boxoffice2026",
        "okafor@example.com",
    ],
)
def test_what_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(GuessablePassword):
        passwords.hash_of(password, "Adaobi Okafor", "okafor@example.com")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "raumschiffkapitän",
        "گذرواژه‌ام خوب است",
        "මගේ මුරපදය හොඳයි",
        "qX7!vb2#Lp",
        "x9" + "correct horse battery " * 3,
    ],
)
def test_passwords_of_any_alphabet_are_taken(password: str) -> None:
    assert passwords.matches(password, passwords.hash_of(password))


def test_the_commonest_passwords_are_refused() -> None:
    """Those that zxcvbn lists, from published leaks, as far as they are long enough; each tenth of them."""
    common = [password for password in FREQUENCY_LISTS["passwords"] if len(password) >= passwords.LEAST_CHARACTERS]
    assert len(common) > 1000

    for password in [*common[::10], "p030710p$e4o"]:
        with pytest.raises(GuessablePassword):
            passwords.check_strength(password)


@pytest.mark.parametrize("email", ["ada@example.com", "wolfgang.amadeus+mozart@salzburg.example.at", "qz7vk2pw9@m.org"])
def test_the_email_address_is_no_password(email: str) -> None:
    for password in (email, email.upper(), email.title()):
        with pytest.raises(GuessablePassword):
            passwords.check_strength(password, "Ada", email)


def test_a_wrong_password_takes_as_long_for_a_hash_of_a_lower_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody tells by the time which accounts are older than the cost that is set."""
    cheap = passwords.rehash("correct horse battery")
    monkeypatch.setenv("BCRYPT_COST", "8")
    settings.cache_clear()

    def seconds(stored_hash: str | None) -> float:
        started = time.process_time()
        for _ in range(5):
            assert not passwords.matches("wrong", stored_hash)
        return time.process_time() - started

    cheap_takes, unknown_takes = (min(seconds(stored) for _ in range(3)) for stored in (cheap, None))
    assert passwords.is_too_cheap(cheap)
    assert 0.5 < cheap_takes / unknown_takes < 2


def test_no_password_takes_seconds_to_judge() -> None:
    """The signs that may stand for a letter, in every combination."""
    started = time.process_time()

    passwords.check_strength(("4@8({[<369&!1|/0$5+7%2" * 4)[: passwords.MOST_BYTES])

    assert time.process_time() - started < 1.5
