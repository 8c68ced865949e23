"""Google as a process, and people who log in there with a browser."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from boxoffice import config
from boxoffice.accounts import oidc
from tests.helpers.google_server import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI
from tests.helpers.payers import NOBODY_LISTENS
from tests.helpers.provider_servers import ProviderServer, put_account
from tests.helpers.support import Answer, Client

SECRET_ID = "google-client"
CLIENT = {
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "redirect_uri": REDIRECT_URI,
    "issuer": NOBODY_LISTENS,
}
SECRET = "q1fJx0Vb7cTn3uYwPzR9sLdKe5GhMiAoX2E8vCtByNk"
"""The secret that the page keeps."""


class Google(ProviderServer):
    """A stub of Google, and the browser of somebody who has an account there."""

    def __init__(self) -> None:
        super().__init__("google")

    @property
    def account(self) -> dict[str, str]:
        return {**CLIENT, "issuer": self.url}

    def reset(self) -> None:
        """Work as a healthy provider again, for Ada, and forget the requests."""
        super().reset()
        self.forge()
        self.log_in_as("ada@gmail.com")

    def log_in_as(self, email: str | None, subject: str = "110169484474386276334", **claims: Any) -> None:
        """Be a person at Google from now on, by default one whose address is verified."""
        person = {"sub": subject, "email": email, "email_verified": True, "name": "Ada Lovelace", **claims}
        self.post("/_config/person", json=person)

    def forge(self, signature: str = "", kid: str | None = None, **claims: Any) -> None:
        """Set what is wrong with the ID tokens to come. A claim of None is left out."""
        forgery = {"signature": signature, "claims": claims} | ({"kid": kid} if kid else {})
        self.post("/_config/forgery", json=forgery)

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.post("/_config/rotate")

    def visit(self, location: str) -> dict[str, str]:
        """Go to Google's page and consent. Return the query with which Google sends the browser back."""
        assert location.startswith(f"{self.url}/authorize?"), location
        answer = self._http.get(location)
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@contextmanager
def google_at(server: Google) -> Iterator[Google]:
    """Let the deployment's client be at the stub."""
    put_account(SECRET_ID, server.account)
    server.reset()
    oidc.forget()
    yield server
    put_account(SECRET_ID, CLIENT)
    config.forget_secrets()


def challenge_of(secret: str) -> str:
    """Return the hash that a page sends of its secret."""
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode().rstrip("=")


def begin(api: Client, secret: str = SECRET, **query: str) -> str:
    """Begin a log-in. Return the address at Google."""
    answer = api.get("/v1/sessions/google", query={"challenge": challenge_of(secret), **query})
    assert answer.status == 302, answer.body
    return answer.headers["location"]


def come_back(api: Client, query: dict[str, str]) -> dict[str, str]:
    """Come back from Google. Return what the page finds in the fragment."""
    answer = api.get("/v1/sessions/google/callback", query=query)
    assert answer.status == 302, answer.body
    address, _, fragment = answer.headers["location"].partition("#")
    return {"address": address, **dict(parse_qsl(fragment))}


def get_code(api: Client, google: Google, secret: str = SECRET) -> str:
    """Go through Google. Return the code that the page gets."""
    return come_back(api, google.visit(begin(api, secret)))["google_code"]


def trade(api: Client, code: str, secret: str = SECRET, **options: Any) -> Answer:
    """Trade the page's code for a session."""
    return api.post("/v1/sessions/google", {"code": code, "secret": secret}, **options)


def log_in(api: Client, google: Google) -> Answer:
    """Log in with Google from beginning to end."""
    return trade(api, get_code(api, google))
