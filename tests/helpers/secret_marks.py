"""Marks that the secrets of the tests have in them, so that a search of answers and logs finds any of them."""

import re

MARK = "a-secret-of-the-tests"

SECRET = re.compile(rf"{MARK}|sk_[a-z]+_(?:secret_key|webhook_secret)")
"""What finds a key of a ring, or the secrets of an account at a provider. A publishable key is none."""


def secrets_in(text: str) -> list[str]:
    """Return the marks of secrets in a text."""
    return SECRET.findall(text)
