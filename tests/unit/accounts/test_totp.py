"""Codes of an app, compared with the RFC and with another library."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from otpauth import TOTP

from boxoffice.accounts.rules import is_code_of_app, step_of
from boxoffice.ids import new_readable_code, normalise_readable_code

SECRET = base64.b32encode(b"12345678901234567890").decode()

# RFC 6238, appendix B, for SHA-1. Its codes have eight digits; those of apps are the last six.
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_the_vectors_of_the_rfc(seconds: int, code: str) -> None:
    assert step_of(SECRET, code[-6:], at(seconds)) == seconds // 30


def test_every_code_is_that_of_another_library() -> None:
    other = TOTP(base64.b32decode("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"))
    for number in range(200):
        seconds = 1_790_000_000 + number * 12_345
        code = other.string_code(other.generate(seconds))
        assert step_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", code, at(seconds)) == seconds // 30


def test_a_clock_may_be_wrong_by_one_step() -> None:
    now = at(1111111109)  # one second before the next step
    code_of_now, code_of_next = "081804", "050471"

    assert step_of(SECRET, code_of_now, now) == 37037036
    assert step_of(SECRET, code_of_now, now + timedelta(seconds=30)) == 37037036
    assert step_of(SECRET, code_of_now, now - timedelta(seconds=30)) == 37037036
    assert step_of(SECRET, code_of_now, now + timedelta(seconds=31)) is None
    assert step_of(SECRET, code_of_now, now - timedelta(seconds=60)) is None
    assert step_of(SECRET, code_of_next, now) == 37037037


@pytest.mark.parametrize("code", ["081805", "", "81804", "0081804", "abcdef", "\u0660" * 6])
def test_a_wrong_code_has_no_step(code: str) -> None:
    assert step_of(SECRET, code, at(1111111109)) is None


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("081 804", "081804"),
        (" 081-804 ", "081804"),
        ("۰۸۱۸۰۴", "081804"),  # a Persian keyboard
        ("٠٨١٨٠٤", "081804"),  # an Arabic keyboard
        ("\uff10\uff18\uff11\uff18\uff10\uff14", "081804"),  # a Japanese one
        ("k7qw 3mpx-9tcr\u2013zb4n", "K7QW3MPX9TCRZB4N"),
    ],
)
def test_a_code_is_the_same_however_it_is_typed(typed: str, code: str) -> None:
    assert normalise_readable_code(typed) == code
    assert is_code_of_app(code) == (len(code) == 6)


def test_recovery_codes_are_random_and_readable() -> None:
    codes = {new_readable_code(6) for _ in range(1000)}

    assert len(codes) == 1000
    characters = set("".join(codes))
    assert characters == set("23456789BCDFGHJKMNPQRTVWXZ-")
    assert {len(code) for code in codes} == {29}
