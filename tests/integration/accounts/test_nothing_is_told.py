"""No answer and no time tells whether an address has an account.

A clock would measure the machine. So these tests count what takes time: the statements that the database gets, in their
order, and the passwords that bcrypt hashes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bcrypt
import pytest
from psycopg import Connection

from boxoffice import db, platform_settings
from tests.helpers import factories
from tests.helpers.people import PASSWORD, sign_up, sign_up_request
from tests.helpers.support import Answer, Client

ADA = "ada@example.com"


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield a list of what costs time while the block runs: statements, and calls of bcrypt."""
    work: list[str] = []
    execute = db.Cursor.execute

    def counting(cursor: db.Cursor, query: Any, *args: Any, **options: Any) -> db.Cursor:
        work.append(str(query))
        return execute(cursor, query, *args, **options)

    def hashing(name: str) -> Callable[..., Any]:
        do = getattr(bcrypt, name)
        return lambda *args: (work.append("bcrypt"), do(*args))[1]

    with monkeypatch.context() as patch:
        patch.setattr(db.Cursor, "execute", counting)
        for name in ("checkpw", "hashpw"):
            patch.setattr(bcrypt, name, hashing(name))
        yield work


type Ask = Callable[[Client, str, dict[str, str]], Answer]
"""Names an address in a request, perhaps as somebody who is logged in."""

ROUTES: dict[str, Ask] = {
    "log_in": lambda api, email, _: api.post("/v1/sessions", {"email": email, "password": "a wrong password"}),
    "sign_up": lambda api, email, _: api.post("/v1/accounts", sign_up_request(email=email)),
    "request_password_reset": lambda api, email, _: api.post("/v1/password-resets", {"email": email}),
    "change_email": lambda api, email, somebody: api.put(
        "/v1/me/email", {"email": email, "current_password": PASSWORD}, headers=somebody
    ),
}
WITH_ONE_HASH = {"log_in", "change_email"}
"""The routes that check a password. The others must not hash one for each stranger who calls."""


@pytest.mark.parametrize("route", ROUTES)
def test_an_address_with_an_account_costs_what_one_without_costs(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    somebody = sign_up(api).headers
    sign_up(api, email=ADA)
    factories.account(conn, email="passwordless@example.com")
    factories.account(conn, email="blocked@example.com", blocked_at=factories.NOW)
    if route == "sign_up":
        conn.execute("INSERT INTO platform_settings (name, value) VALUES ('verify_emails', 'true')")
        platform_settings.forget()
    ROUTES[route](api, "first@example.com", somebody)  # what a new environment does once, such as reading settings

    answers, works = [], []
    for email in ("nobody@example.com", ADA, "passwordless@example.com", "blocked@example.com"):
        with counted(monkeypatch) as work:
            answers.append(ROUTES[route](api, email, somebody))
        works.append(work)

    facts = [(answer.status, {k: v for k, v in answer.json.items() if k != "request_id"}) for answer in answers]
    assert facts == [facts[0]] * len(facts)
    assert works == [works[0]] * len(works)
    assert works[0].count("bcrypt") == (1 if route in WITH_ONE_HASH else 0)
    assert len(works[0]) > 1
