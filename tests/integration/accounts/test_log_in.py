"""POST /v1/sessions"""

import json
import time

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import factories
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, bearer, log_in, sign_up
from tests.helpers.support import Answer, Client


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
    {"email": "ada@exam\nple.com", "password": PASSWORD},
    {"email": "ada@example.com", "password": "x" * 73},
    {"email": "ada@example.com", "password": ["x"]},
    {"email": "ada@example.com", "password": PASSWORD, "remember": True},
]


def test_invalid_bodies_are_refused(api: Client) -> None:
    for body in OTHER_BODIES:
        assert api.post("/v1/sessions", body).status == 422, body


def try_to_log_in(api: Client, email: str, password: str, address: str) -> Answer:
    return api.post("/v1/sessions", {"email": email, "password": password}, address=address)


def test_an_account_takes_ten_wrong_passwords_in_a_quarter_of_an_hour_from_all_addresses(api: Client) -> None:
    person = sign_up(api)

    def attempt(number: int, email: str, password: str) -> int:
        return try_to_log_in(api, email, password, f"192.0.2.{number}").status

    assert [attempt(number, person.email, "wrong") for number in range(10)] == [401] * 10
    assert attempt(10, person.email.upper(), PASSWORD) == 429
    assert attempt(10, "nobody@example.com", PASSWORD) == 401


def test_strangers_do_not_lock_an_owner_out_who_is_where_they_have_logged_in_before(api: Client) -> None:
    person = sign_up(api)
    home, next_door = "2001:db8:1:2::3", "2001:db8:1:2:ffff::4"
    assert try_to_log_in(api, person.email, PASSWORD, home).status == 200
    for number in range(11):
        try_to_log_in(api, person.email, "wrong", f"192.0.2.{number}")

    assert try_to_log_in(api, person.email, PASSWORD, "203.0.113.7").status == 429
    assert [try_to_log_in(api, person.email, "wrong", next_door).status for _ in range(9)] == [401] * 9
    assert try_to_log_in(api, person.email, PASSWORD, home).status == 200
    assert [try_to_log_in(api, person.email, "wrong", next_door).status for _ in range(2)] == [401, 429]


def test_a_neighbour_does_not_shut_out_a_device_that_has_logged_in_before(api: Client) -> None:
    """The last refresh token tells it apart, though it is used and its session is over."""
    person, other = sign_up(api), sign_up(api)
    home, body = "192.0.2.7", {"email": person.email, "password": PASSWORD}
    session = api.post("/v1/sessions", body, address=home).json
    token = {"refresh_token": session["refresh_token"]}
    assert api.post("/v1/sessions/refresh", token).status == 200
    assert api.delete("/v1/sessions", headers=bearer(session["access_token"])).status == 204
    theirs = try_to_log_in(api, other.email, PASSWORD, home).json["refresh_token"]
    assert [try_to_log_in(api, person.email, "wrong", home).status for _ in range(10)] == [401] * 10

    for useless in ({}, {"refresh_token": theirs}, {"refresh_token": "unknown"}, {"refresh_token": None}):
        assert api.post("/v1/sessions", body | useless, address=home).status == 429
    assert api.post("/v1/sessions", body | token, address=home).status == 200
    wrong = [api.post("/v1/sessions", body | token | {"password": "wrong"}, address=home).status for _ in range(10)]
    assert wrong == [401] * 10
    assert api.post("/v1/sessions", body | token, address=home).status == 429


def test_an_address_can_be_many_people(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    venue = "192.0.2.7"
    answers = [try_to_log_in(api, f"nobody{number}@example.com", "wrong", venue) for number in range(20)]
    assert {answer.status for answer in answers} == {401}
    bucket = "password address 192.0.2.7"
    assert conn.execute("UPDATE rate_limits SET attempts = attempts + 279 WHERE bucket = %s", [bucket]).rowcount == 1

    assert [try_to_log_in(api, person.email, PASSWORD, venue).status for _ in range(2)] == [200, 200]
    assert try_to_log_in(api, "nobody@example.com", "wrong", venue).status == 401
    refused = try_to_log_in(api, person.email, PASSWORD, venue)

    assert refused.status == 429
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]


def test_a_door_team_behind_one_address_logs_in(api: Client, conn: Connection) -> None:
    """Right passwords count for nobody: neither for the account that the team shares, nor for its address."""
    team = sign_up(api)

    assert {try_to_log_in(api, team.email, PASSWORD, "192.0.2.7").status for _ in range(25)} == {200}
    assert {try_to_log_in(api, sign_up(api).email, PASSWORD, "192.0.2.7").status for _ in range(5)} == {200}
    left = conn.execute("SELECT bucket FROM rate_limits WHERE bucket ~ '^password '")
    assert left.fetchall() == []


def fill(conn: Connection, bucket: str, attempts: int, seconds_ago: int) -> None:
    """Let a bucket have counted attempts, the last of them so long ago."""
    changed = conn.execute(
        "UPDATE rate_limits SET attempts = %s, last_attempt_at = now() - make_interval(secs => %s) WHERE bucket = %s",
        [attempts, seconds_ago, bucket],
    )
    assert changed.rowcount == 1


# How long an account that takes guesses from everywhere makes them wait: 60 s · 2ⁿ, and 900 s at the most.
WAITS = [(10, 60), (11, 120), (12, 240), (13, 480), (14, 900), (15, 900), (500, 900)]


@pytest.mark.parametrize(("wrong", "seconds"), WAITS)
def test_guesses_from_many_networks_are_slowed(api: Client, conn: Connection, wrong: int, seconds: int) -> None:
    """They do not shut an account: whoever waits may try again, and a quarter of an hour is the longest wait."""
    person = sign_up(api)
    try_to_log_in(api, person.email, "wrong", "192.0.2.1")
    bucket = f"password {person.email}"

    fill(conn, bucket, wrong, seconds_ago=seconds - 30)
    refused = try_to_log_in(api, person.email, PASSWORD, "192.0.2.2")
    assert refused.status == 429
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
    assert 20 <= int(refused.headers["retry-after"]) <= 30
    fill(conn, bucket, wrong, seconds_ago=seconds + 1)
    assert try_to_log_in(api, person.email, PASSWORD, "192.0.2.2").status == 200


def test_a_reset_lets_the_owner_in_however_many_guess_elsewhere(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    try_to_log_in(api, person.email, "wrong", "192.0.2.1")
    fill(conn, f"password {person.email}", 1000, seconds_ago=0)
    abroad, new = "203.0.113.99", "a better one entirely"
    assert try_to_log_in(api, person.email, PASSWORD, abroad).status == 429

    api.post("/v1/password-resets", {"email": person.email}, address=abroad)
    body = {"token": letters_to(conn, person.email)[-1].token, "password": new}
    assert api.post("/v1/password-resets/confirm", body, address=abroad).status == 204
    fill(conn, f"password {person.email}", 1010, seconds_ago=0)
    assert [try_to_log_in(api, person.email, "wrong", abroad).status for _ in range(11)] == [401] * 11, "a neighbour"

    assert try_to_log_in(api, person.email, new, "203.0.113.98").status == 429
    assert try_to_log_in(api, person.email, new, abroad).status == 200


def test_a_refused_log_in_makes_no_row_and_waits_no_longer(api: Client, conn: Connection) -> None:
    for number in range(10):
        try_to_log_in(api, "ada@example.com", "wrong", f"192.0.2.{number}")
    before = conn.execute("SELECT * FROM rate_limits ORDER BY bucket").fetchall()

    for number in range(20):
        assert try_to_log_in(api, "ada@example.com", "wrong", f"203.0.113.{number}").status == 429
    assert conn.execute("SELECT * FROM rate_limits ORDER BY bucket").fetchall() == before


def test_the_headers_do_not_tell_if_somebody_logs_in(api: Client) -> None:
    person = sign_up(api)
    for _ in range(3):
        log_in(api, person)

    answers = [
        try_to_log_in(api, email, "wrong", f"192.0.2.{number}")
        for number, email in enumerate([person.email, "nobody@example.com"])
    ]

    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["9", "9"]


def test_right_passwords_buy_no_hashes_without_end(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    log_in(api, person)
    conn.execute("UPDATE rate_limits SET attempts = 99 WHERE bucket LIKE 'hash %'")

    assert [try_to_log_in(api, person.email, PASSWORD, "192.0.2.7").status for _ in range(2)] == [200, 429]


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


# 120,000 marks that are not in their order: to sort them takes 20 seconds.
MARKS = "a" + "\u0301\u0323" * 60_000


@pytest.mark.parametrize("field", ["email", "password", "device_name"])
def test_a_text_of_marks_costs_nothing(api: Client, field: str) -> None:
    fields = {"email": "ada@example.com", "password": PASSWORD, field: MARKS}
    body = json.dumps(fields, ensure_ascii=False)
    started = time.process_time()

    assert api.post("/v1/sessions", body).status == 422
    assert time.process_time() - started < 1


@pytest.mark.parametrize("new_cost", [4, 5])
def test_a_log_in_hashes_the_password_anew_if_the_cost_was_raised(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch, new_cost: int
) -> None:
    person = sign_up(api)
    stored = "SELECT password_hash, must_change_password FROM accounts"
    conn.execute("UPDATE accounts SET must_change_password = true")
    before = conn.execute(stored).fetchone()
    monkeypatch.setenv("BCRYPT_COST", str(new_cost))
    config.settings.cache_clear()

    assert try_to_log_in(api, person.email, "wrong", "192.0.2.7").status == 401
    assert conn.execute(stored).fetchone() == before
    for _ in range(2):
        assert try_to_log_in(api, person.email, PASSWORD, "192.0.2.7").status == 200

    password_hash, must_change = conn.execute(stored).fetchone() or ("", None)
    assert password_hash[:7] == f"$2b$0{new_cost}$"
    assert must_change is True


def test_the_stored_hash_has_the_cost_that_is_set(api: Client, conn: Connection) -> None:
    sign_up(api)

    (stored,) = conn.execute("SELECT password_hash FROM accounts").fetchone() or ("",)

    assert stored.startswith("$2b$04$")
