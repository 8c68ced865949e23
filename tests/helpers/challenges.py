"""A provider of challenges as a process, and people who solve them."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from boxoffice import challenges, config
from tests.helpers.challenge_server import SECRET, SITE_KEY
from tests.helpers.provider_servers import ProviderServer, put_account

SECRET_ID = "challenge"


class Challenges(ProviderServer):
    """A stub of a provider of challenges."""

    def __init__(self) -> None:
        super().__init__("challenge")

    def solve(self) -> str:
        """Solve a challenge as a person. Return what the widget answers."""
        return f"human {uuid4()}"


@contextmanager
def challenges_at(server: Challenges, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the deployment have challenges, at the stub."""
    monkeypatch.setenv("CHALLENGE_PROVIDER", "turnstile")
    monkeypatch.setenv("CHALLENGE_SITE_KEY", SITE_KEY)
    config.settings.cache_clear()
    put_account(SECRET_ID, {"secret": SECRET, "url": f"{server.url}/siteverify"})
    server.reset()
    challenges.forget()
    yield
    config.forget_secrets()
    challenges.forget()
