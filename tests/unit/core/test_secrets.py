"""Secrets are read from AWS's Lambda extension, cached, and kept while they cannot be read again."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from boxoffice import config, signing
from boxoffice.config import NoSuchSecret, optional_secret, secret
from boxoffice.errors import Busy
from tests.architecture.test_template import template


class Extension(HTTPServer):
    """The extension, as its documentation describes it: it answers from its own cache until the TTL is over.

    Attributes:
        secrets: what Secrets Manager has. It is away if this is None.
    """

    def __init__(self, ttl: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ttl, self.now, self.reads = ttl, 0.0, 0
        self.secrets: dict[str, str] | None = {"ring": '{"current": "1", "1": "first"}'}
        self._cache: dict[str, tuple[float, str]] = {}

    def look_up(self, name: str) -> str | None:
        """Return the text of a secret, or None if there is none."""
        cached_at, text = self._cache.get(name, (float("-inf"), ""))
        if self.now - cached_at < self.ttl:
            return text
        self.reads += 1
        if self.secrets is None:
            raise ConnectionError
        if name in self.secrets:
            self._cache[name] = (self.now, self.secrets[name])
        return self.secrets.get(name)


class _Handler(BaseHTTPRequestHandler):
    server: Extension

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        assert url.path == "/secretsmanager/get"
        assert self.headers["X-Aws-Parameters-Secrets-Token"] == "session"
        try:
            text = self.server.look_up(parse_qs(url.query)["secretId"][0])
        except ConnectionError:
            self._answer(500, {"message": "an unexpected error occurred"})
        else:
            missing = {"message": "operation error Secrets Manager: GetSecretValue, ResourceNotFoundException"}
            self._answer(*((200, {"SecretString": text}) if text is not None else (400, missing)))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[Extension]:
    """Run the extension with the TTL of the template, at a time that the test sets."""
    ttl = template()["Globals"]["Function"]["Environment"]["Variables"]["SECRETS_MANAGER_TTL"]
    server = Extension(float(ttl))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", str(server.server_port))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    monkeypatch.setattr(config.time, "monotonic", lambda: server.now)
    config.forget_secrets()
    yield server
    config.forget_secrets()
    server.shutdown()
    server.server_close()


def rotate(extension: Extension) -> None:
    extension.secrets = {"ring": '{"current": "2", "1": "first", "2": "second"}'}


def test_a_secret_is_cached_for_five_minutes(extension: Extension) -> None:
    assert secret("ring")["1"] == "first"
    rotate(extension)
    extension.now = 300
    assert "2" not in secret("ring")
    assert extension.reads == 1

    extension.now = 301

    assert secret("ring")["2"] == "second"


def test_a_fresh_one_is_ten_seconds_old_at_the_most(extension: Extension) -> None:
    secret("ring")
    rotate(extension)
    extension.now = 10
    assert "2" not in secret("ring", fresh=True)

    extension.now = 11

    assert secret("ring", fresh=True)["2"] == "second"
    assert secret("ring")["2"] == "second"


@pytest.mark.parametrize("text", [None, "no JSON", '["no", "fields"]'], ids=["away", "no JSON", "no fields"])
def test_the_one_in_hand_stays_while_it_cannot_be_read_again(extension: Extension, text: str | None) -> None:
    secret("ring")
    extension.secrets = None if text is None else {"ring": text}
    extension.now = 301

    assert secret("ring")["1"] == "first"
    assert secret("ring")["1"] == "first"
    assert extension.reads == 2, "it is not asked for again at once"
    with pytest.raises(Busy):
        secret("ring", fresh=True)

    rotate(extension)
    extension.now = 312
    assert secret("ring")["2"] == "second"


def test_without_one_in_hand_it_is_busy(extension: Extension) -> None:
    extension.secrets = None
    with pytest.raises(Busy):
        secret("ring")

    rotate(extension)
    assert secret("ring")["2"] == "second"


def test_one_that_was_deleted_is_not_kept(extension: Extension) -> None:
    secret("ring")
    extension.secrets, extension.now = {}, 301

    with pytest.raises(NoSuchSecret):
        secret("ring")

    assert optional_secret("ring") is None


def test_one_that_does_not_exist_is_asked_for_once_in_five_minutes(extension: Extension) -> None:
    for _ in range(3):
        assert optional_secret("organisation") is None

    assert extension.reads == 1


def test_one_that_is_made_later_is_found_after_five_minutes(extension: Extension) -> None:
    assert optional_secret("organisation") is None
    extension.secrets = {"organisation": '{"key": "sk_own"}'}
    extension.now = 300
    assert optional_secret("organisation") is None

    extension.now = 301

    assert optional_secret("organisation") == {"key": "sk_own"}
    extension.now = 302
    assert optional_secret("organisation", fresh=True) == {"key": "sk_own"}


def test_names_of_nothing_evict_no_secret_and_are_forgotten_in_turn(
    extension: Extension, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "_MOST_ABSENT", 100)
    secret("ring")
    for number in range(250):
        optional_secret(f"invented {number}")
    assert extension.reads == 251

    secret("ring")
    for number in range(150, 250):
        optional_secret(f"invented {number}")
    assert extension.reads == 251, "the ring and the hundred latest names are remembered"
    assert len(config._absent) == 100

    optional_secret("invented 149")
    assert extension.reads == 252


def test_a_fresh_one_that_cannot_be_read_is_not_asked_for_again_at_once(extension: Extension) -> None:
    """Anybody can ask for fresh ones, with tokens of keys that do not exist."""
    secret("ring")
    extension.secrets, extension.now = None, 100
    for _ in range(5):
        with pytest.raises(Busy):
            secret("ring", fresh=True)
    assert extension.reads == 2

    rotate(extension)
    extension.now = 111
    assert secret("ring", fresh=True)["2"] == "second"


def test_a_thousand_tokens_of_unknown_keys_read_a_ring_once_in_ten_seconds(extension: Extension) -> None:
    for number in range(1000):
        extension.now += 0.1
        assert not signing.is_token("ring", "order", b"message", f"{number + 9}.{'x' * 32}")

    assert extension.reads <= 11
