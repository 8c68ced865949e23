"""POST /v1/sessions"""

import time

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import factories
from tests.helpers.people import PASSWORD, bearer, log_in, sign_up
from tests.helpers.support import Client


def test_the_answer_has_the_account_and_valid_tokens(api: Client) -> None:
    person = sign_up(api)

    answer = api.post("/v1/sessions", {"email": person.email.upper(), "password": PASSWORD})

    assert answer.status == 200
    assert answer.json["expires_in"] == 900
    assert answer.json["account"]["id"] == str(person.id)
    assert api.get("/v1/me", headers=bearer(answer.json["access_token"])).status == 200
    assert api.post("/v1/sessions/refresh", {"refresh_token": answer.json["refresh_token"]}).status == 200


def test_an_account_can_have_several_sessions(api: Client) -> None:
    phone = sign_up(api)
    laptop = log_in(api, phone)

    assert api.delete("/v1/sessions/current", headers=phone.headers).status == 204
    assert api.post("/v1/sessions/refresh", {"refresh_token": laptop.refresh_token}).status == 200


def test_a_wrong_password_and_an_unknown_email_are_answered_alike(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    factories.account(conn, email="passwordless@example.com")

    answers = [
        api.post("/v1/sessions", {"email": email, "password": password})
        for email, password in [
            (person.email, PASSWORD + "!"),
            ("nobody@example.com", PASSWORD),
            ("passwordless@example.com", PASSWORD),
        ]
    ]

    for answer in answers:
        assert (answer.status, answer.code) == (401, "wrong_credentials")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert len({answer.json["detail"] for answer in answers}) == 1


def test_an_unknown_email_takes_as_long_as_a_wrong_password(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCRYPT_COST", "8")  # 16 ms, so that nothing else weighs
    config.settings.cache_clear()
    person = sign_up(api)

    def seconds(email: str) -> float:
        started = time.process_time()
        for _ in range(5):
            api.post("/v1/sessions", {"email": email, "password": "wrong"}, address=f"192.0.2.{time.time_ns() % 250}")
        return time.process_time() - started

    known, unknown = (min(seconds(email) for _ in range(3)) for email in (person.email, "nobody@example.com"))

    assert 0.5 < known / unknown < 2


OTHER_BODIES = [
    {"email": "ada@example.com"},
    {"email": "ada@example.com\n", "password": PASSWORD},
    {"email": "ada@example.com", "password": "x" * 73},
    {"email": "ada@example.com", "password": ["x"]},
    {"email": "ada@example.com", "password": PASSWORD, "remember": True},
]


def test_invalid_bodies_are_refused(api: Client) -> None:
    for body in OTHER_BODIES:
        assert api.post("/v1/sessions", body).status == 422, body


def test_an_account_can_be_tried_ten_times_in_a_quarter_of_an_hour_from_all_addresses(api: Client) -> None:
    person = sign_up(api)  # the first attempt

    def attempt(number: int, email: str, password: str) -> int:
        body = {"email": email, "password": password}
        return api.post("/v1/sessions", body, address=f"192.0.2.{number}").status

    assert [attempt(number, person.email, "wrong") for number in range(9)] == [401] * 9
    assert attempt(9, person.email.upper(), PASSWORD) == 429
    assert attempt(9, "nobody@example.com", PASSWORD) == 401


def test_an_address_can_try_ten_times_in_a_quarter_of_an_hour_for_all_accounts(api: Client) -> None:
    answers = [
        api.post("/v1/sessions", {"email": f"nobody{number}@example.com", "password": PASSWORD}) for number in range(11)
    ]

    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert answers[0].headers["ratelimit-remaining"] == "9"  # a refusal has its headers too
    assert answers[10].headers["retry-after"] == answers[10].headers["ratelimit-reset"]


def test_attempts_are_possible_again_after_the_window(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    for _ in range(10):
        api.post("/v1/sessions", {"email": person.email, "password": "wrong"})
    conn.execute("UPDATE rate_limits SET resets_at = now()")

    answer = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD})

    assert (answer.status, answer.headers["ratelimit-remaining"]) == (200, "9")


def test_the_api_is_busy_while_the_database_is_away(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    config.settings.cache_clear()

    answer = api.post("/v1/sessions", {"email": "ada@example.com", "password": PASSWORD})

    assert (answer.status, answer.code) == (503, "busy")
    assert answer.headers["retry-after"] == "2"


def test_the_stored_hash_has_the_cost_that_is_set(api: Client, conn: Connection) -> None:
    sign_up(api)

    (stored,) = conn.execute("SELECT password_hash FROM accounts").fetchone() or ("",)

    assert stored.startswith("$2b$04$")
