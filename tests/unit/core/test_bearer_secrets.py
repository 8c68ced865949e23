"""The form of API keys and of door devices' tokens: prefix, random characters and checksum."""

import hashlib
import re

import pytest

from boxoffice.bearer_secrets import API_KEY, DEVICE_TOKEN, checksum, hash_of, is_secret, new_secret

PUBLISHED = re.compile(r"\bboxoffice_(key|door)_[0-9A-Za-z]{40}\b")
"""The regular expression in docs/api-keys.md, for scanners of source code."""


def test_the_checksum_is_that_of_githubs_tokens() -> None:
    # A revoked token of GitHub's, without its prefix: 30 random characters, then the checksum.
    assert checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17"


def test_the_checksum_is_a_crc_32_in_base_62() -> None:
    # The check value of CRC-32 is 0xCBF43926 = 3421780262 = 3·62⁵ + 45·62⁴ + 35·62³ + 27·62² + 22·62 + 14.
    assert checksum("123456789") == "3jZRME"


@pytest.mark.parametrize("prefix", [API_KEY, DEVICE_TOKEN])
def test_a_secret_has_a_form_that_scanners_find(prefix: str) -> None:
    secret = new_secret(prefix)

    assert secret.startswith(prefix)
    assert PUBLISHED.findall(f'key = "{secret}"') == [prefix.split("_")[1]]
    assert is_secret(secret, prefix)
    assert new_secret(prefix) != secret


def test_a_secret_of_one_kind_is_none_of_the_other() -> None:
    assert not is_secret(new_secret(API_KEY), DEVICE_TOKEN)
    assert not is_secret(new_secret(DEVICE_TOKEN), API_KEY)


def test_a_secret_with_one_wrong_character_is_none() -> None:
    secret = new_secret(API_KEY)
    for place in range(len(API_KEY), len(secret)):
        other = "a" if secret[place] != "a" else "b"
        assert not is_secret(secret[:place] + other + secret[place + 1 :], API_KEY)


@pytest.mark.parametrize(
    "change", [lambda text: "", lambda text: text[:-1], lambda text: text + "a", lambda text: text + "\n"]
)
def test_a_secret_of_another_length_is_none(change: object) -> None:
    assert callable(change)
    assert not is_secret(change(new_secret(API_KEY)), API_KEY)


def test_what_is_stored_is_the_sha_256() -> None:
    secret = new_secret(API_KEY)
    assert hash_of(secret) == hashlib.sha256(secret.encode("ascii")).digest()
