"""People who sign up and log in as clients do."""

from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from boxoffice.guest_tokens import order_token
from tests.helpers.support import Client

PASSWORD = "correct horse battery"

_number = count(1)


@dataclass(frozen=True)
class Person:
    """A person with an account, and the tokens of one session."""

    id: UUID
    email: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers that say who calls."""
        return bearer(self.access_token)


def bearer(access_token: str) -> dict[str, str]:
    """Return the header with an access token."""
    return {"authorization": f"Bearer {access_token}"}


def sign_up_request(**overrides: Any) -> dict[str, Any]:
    """Return the body of a request that signs somebody up."""
    return {"email": f"ada{next(_number)}@example.com", "password": PASSWORD, "name": "Ada", **overrides}


def sign_up(api: Client, **overrides: Any) -> Person:
    """Sign a new person up, from an IP address of their own."""
    answer = api.post("/v1/accounts", sign_up_request(**overrides), address=f"198.51.100.{next(_number) % 250}")
    assert answer.status == 201, answer.body
    account = answer.json["account"]
    return Person(UUID(account["id"]), account["email"], answer.json["access_token"], answer.json["refresh_token"])


def log_in(api: Client, person: Person, **overrides: Any) -> Person:
    """Log a person in. Return the person with the new session."""
    answer = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD, **overrides})
    assert answer.status == 200, answer.body
    return Person(person.id, person.email, answer.json["access_token"], answer.json["refresh_token"])


def check_readers(api: Client, path: str, *, buyer: UUID, manager: UUID, scanner: UUID, stranger: UUID) -> None:
    """Check that an order's buyer and its managers can read a part of the order, and that others cannot."""
    assert api.get(path, account=buyer).status == 200
    assert api.get(path, account=manager).status == 200
    assert api.get(path, account=scanner).status == 403
    assert api.get(path, account=stranger).status == 404
    assert api.get(path, order_token=order_token(uuid4())).status == 404
    assert api.get(path).status == 401


def can_refresh(api: Client, person: Person) -> bool:
    """Return True if the session still exists. This uses the refresh token up."""
    return api.post("/v1/sessions/refresh", {"refresh_token": person.refresh_token}).status == 200
