"""POST /v1/accounts"""

import pytest
from psycopg import Connection

from boxoffice import config
from tests.helpers import audit
from tests.helpers.people import PASSWORD, bearer, log_in, sign_up, sign_up_request
from tests.helpers.support import Client


def test_the_answer_has_the_account_and_valid_tokens(api: Client) -> None:
    answer = api.post("/v1/accounts", sign_up_request(email="ada@example.com"))

    assert answer.status == 201
    assert answer.json["expires_in"] == 900
    assert answer.json["organisation"] is None
    account = answer.json["account"]
    assert (account["email"], account["name"], account["phone"]) == ("ada@example.com", "Ada", None)
    assert api.get("/v1/me", headers=bearer(answer.json["access_token"])).json["id"] == account["id"]
    assert api.post("/v1/sessions/refresh", {"refresh_token": answer.json["refresh_token"]}).status == 200


def test_an_organisation_is_registered_in_the_same_step(api: Client, conn: Connection) -> None:
    answer = api.post("/v1/accounts", sign_up_request(organisation_name="Freedom Park"))

    organisation = answer.json["organisation"]
    assert (organisation["name"], organisation["status"]) == ("Freedom Park", "approved")
    memberships = api.get("/v1/me", headers=bearer(answer.json["access_token"])).json["memberships"]
    assert memberships == [{"organisation_id": organisation["id"], "name": "Freedom Park", "role": "owner"}]
    made, account = f"organisation {organisation['id']}", f"account {answer.json['account']['id']}"
    recorded = {(entry.action, entry.subject) for entry in audit.entries(conn, sessions=True)}
    assert recorded == {("create_organisation", made), ("sign_up", account)}


def test_an_organisation_is_pending_where_the_deployment_does_not_approve_at_once(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTO_APPROVE_ORGANISATIONS", "false")
    config.settings.cache_clear()

    answer = api.post("/v1/accounts", sign_up_request(organisation_name="Freedom Park"))

    assert answer.json["organisation"]["status"] == "pending"


def test_an_email_has_one_account_however_it_is_written(api: Client, conn: Connection) -> None:
    api.post("/v1/accounts", sign_up_request(email="Ada@Example.com"))

    again = api.post("/v1/accounts", sign_up_request(email="aDA@example.COM", organisation_name="Freedom Park"))

    assert (again.status, again.code) == (409, "email_taken")
    assert conn.execute("SELECT email FROM accounts").fetchall() == [("ada@example.com",)]
    assert conn.execute("SELECT FROM organisations").fetchall() == []


NO_EMAILS = [
    "ada@example.com\r\nBcc: all@example.com",
    "ada\n@example.com",
    "Ada <ada@example.com>",
    "jörg@example.com",
    "ada@localhost",
    "ada",
    "",
    "ada@" + "a." * 126 + "com",
    7,
    None,
]


def test_an_invalid_email_address_is_refused(api: Client) -> None:
    for email in NO_EMAILS:
        answer = api.post("/v1/accounts", sign_up_request(email=email))

        assert answer.status == 422, email
        assert answer.json["errors"][0]["loc"] == ["body", "email"]


def test_a_password_has_ten_characters_and_72_bytes(api: Client) -> None:
    for password in ["nine char", "", "x" * 73, "é" * 37, "\ud800" * 12, 1234567890, None]:
        answer = api.post("/v1/accounts", sign_up_request(password=password))

        assert answer.status == 422, password
        assert answer.json["errors"][0]["loc"] == ["body", "password"]


def test_the_answer_says_how_long_a_password_has_to_be(api: Client) -> None:
    answer = api.post("/v1/accounts", sign_up_request(password="secret"))

    assert answer.json["errors"][0]["msg"] == "must have at least 10 characters"


def test_the_answer_says_what_is_wrong_with_a_long_password_and_not_what_it_was(api: Client) -> None:
    answer = api.post("/v1/accounts", sign_up_request(password="secret" * 13))

    assert "at most 72 bytes" in answer.json["errors"][0]["msg"]
    assert b"secret" not in answer.body


def test_every_other_password_is_accepted_unchanged(api: Client) -> None:
    for password in [
        "ten ch4rs!",
        ("correct horse battery " * 4)[:72],
        "é und à und ü und ß",
        "null \0 byte",
        " spaces count ",
    ]:
        person = sign_up(api, password=password)

        shorter = api.post("/v1/sessions", {"email": person.email, "password": password[:-1]})

        assert shorter.status == 401, password
        log_in(api, person, password=password)


def test_a_password_is_the_same_however_the_keyboard_composes_its_letters(api: Client) -> None:
    person = sign_up(api, password="caf\u00e9 au lait")

    log_in(api, person, password="cafe\u0301 au lait")


OTHER_BODIES = [
    {},
    [],
    {"email": "ada@example.com", "password": PASSWORD},
    {"email": "ada@example.com", "password": PASSWORD, "name": ""},
    {"email": "ada@example.com", "password": PASSWORD, "name": "\n"},
    {"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "organisation_name": "  "},
    {"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "is_admin": True},
]


def test_invalid_bodies_are_refused(api: Client, conn: Connection) -> None:
    for body in OTHER_BODIES:
        assert api.post("/v1/accounts", body).status == 422, body
    assert conn.execute("SELECT FROM accounts").fetchall() == []


def test_neither_password_nor_refresh_token_is_stored(api: Client, conn: Connection) -> None:
    person = sign_up(api)

    stored = str(conn.execute("SELECT * FROM accounts, sessions, refresh_tokens").fetchall())

    assert PASSWORD not in stored
    assert person.refresh_token not in stored


def test_an_address_signs_up_a_hundred_times_in_a_quarter_of_an_hour(api: Client, conn: Connection) -> None:
    first = api.post("/v1/accounts", sign_up_request())
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("10", "9"), "of the mailbox"
    conn.execute("UPDATE rate_limits SET attempts = 99 WHERE bucket LIKE 'sign up %'")

    answers = [api.post("/v1/accounts", sign_up_request()) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 429]
    assert 890 <= int(answers[1].headers["retry-after"]) <= 900
    assert api.post("/v1/accounts", sign_up_request(), address="192.0.2.1").status == 201


def test_a_password_that_is_easy_to_guess_is_refused(api: Client, conn: Connection) -> None:
    answer = api.post("/v1/accounts", sign_up_request(password="boxoffice2026"))

    assert (answer.status, answer.code) == (422, "guessable_password")
    assert conn.execute("SELECT count(*) FROM accounts").fetchone() == (0,)
