"""POST /v1/email-verifications/confirm, and a sign-up where addresses are verified."""

from datetime import timedelta

import bcrypt
import pytest
from psycopg import Connection

from boxoffice import config, one_time, platform_settings
from boxoffice.one_time import Purpose
from tests.helpers import factories
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, bearer, log_in, sign_up, sign_up_request
from tests.helpers.support import Answer, Client

EMAIL = "ada@example.com"
OTHER_PASSWORD = "a better one entirely"


def ask(api: Client, email: str = EMAIL, **overrides: object) -> Answer:
    answer = api.post("/v1/accounts", sign_up_request(email=email, **overrides))
    assert answer.status == 202, answer.body
    return answer


def confirm(api: Client, token: str, password: str | None = PASSWORD, **options: object) -> Answer:
    return api.post("/v1/email-verifications/confirm", {"token": token, "password": password}, **options)


def accounts(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute("SELECT email, email_verified_at IS NOT NULL, name FROM accounts ORDER BY email").fetchall()


# ------------------------------------------------------------------------------------------------------- a sign-up


@pytest.mark.usefixtures("verifying")
def test_a_sign_up_makes_an_account_once_its_link_is_opened(api: Client, conn: Connection) -> None:
    asked = ask(api, name="Ada", organisation_name="Freedom Park")
    assert list(asked.json) == ["detail"]
    assert accounts(conn) == []

    (letter,) = letters_to(conn, EMAIL)
    answer = confirm(api, letter.token)

    assert (answer.status, answer.json["email"]) == (200, EMAIL)
    session = answer.json["session"]
    assert session["organisation"]["name"] == "Freedom Park"
    assert accounts(conn) == [(EMAIL, True, "Ada")]
    me = api.get("/v1/me", headers=bearer(session["access_token"])).json
    assert [membership["role"] for membership in me["memberships"]] == ["owner"]
    assert api.post("/v1/sessions", {"email": EMAIL, "password": PASSWORD}).status == 200


@pytest.mark.usefixtures("verifying")
def test_nobody_can_log_in_before_the_link_is_opened(api: Client, conn: Connection) -> None:
    ask(api)

    assert api.post("/v1/sessions", {"email": EMAIL, "password": PASSWORD}).code == "wrong_credentials"


@pytest.mark.usefixtures("verifying")
def test_whoever_opens_the_link_chooses_the_password_not_whoever_signed_up(api: Client, conn: Connection) -> None:
    ask(api, password="the attacker's own secret")
    (letter,) = letters_to(conn, EMAIL)

    assert confirm(api, letter.token, None).status == 422
    assert confirm(api, letter.token, "too short").json["errors"][0]["loc"] == ["body", "password"]
    assert confirm(api, letter.token, "password12345").code == "guessable_password"
    assert confirm(api, letter.token, OTHER_PASSWORD).status == 200

    for password, status in [("the attacker's own secret", 401), (OTHER_PASSWORD, 200)]:
        assert api.post("/v1/sessions", {"email": EMAIL, "password": password}).status == status


@pytest.mark.usefixtures("verifying")
def test_a_password_that_is_easy_to_guess_is_refused_at_once(api: Client, conn: Connection) -> None:
    answer = api.post("/v1/accounts", sign_up_request(email=EMAIL, password="password12345"))

    assert (answer.status, answer.code) == (422, "guessable_password")
    assert letters_to(conn, EMAIL) == []


@pytest.mark.usefixtures("verifying")
def test_whoever_signs_up_again_is_not_bound_to_what_another_has_asked_for(api: Client, conn: Connection) -> None:
    ask(api, name="Mallory", organisation_name="Mallory's")
    ask(api, name="Ada")
    mallorys, own = letters_to(conn, EMAIL)

    assert confirm(api, own.token).status == 200
    assert accounts(conn) == [(EMAIL, True, "Ada")]
    assert conn.execute("SELECT FROM organisations").fetchall() == []

    late = confirm(api, mallorys.token)
    assert (late.status, late.code) == (409, "email_taken")
    assert accounts(conn) == [(EMAIL, True, "Ada")]


@pytest.mark.usefixtures("verifying")
def test_a_link_works_once(api: Client, conn: Connection) -> None:
    ask(api)
    (letter,) = letters_to(conn, EMAIL)
    assert confirm(api, letter.token).status == 200

    again = confirm(api, letter.token)

    assert (again.status, again.code) == (409, "link_over")
    assert "done its work already" in again.json["detail"]
    assert len(accounts(conn)) == 1


@pytest.mark.usefixtures("verifying")
def test_a_link_is_over_after_a_day(api: Client, conn: Connection) -> None:
    ask(api)
    (letter,) = letters_to(conn, EMAIL)
    (lifetime,) = conn.execute("SELECT expires_at - now() FROM one_time_tokens").fetchone() or (None,)
    assert timedelta(hours=23, minutes=59) < lifetime <= timedelta(hours=24)
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")

    assert confirm(api, letter.token).code == "link_over"
    assert [letter.content for letter in letters_to(conn, EMAIL)] == [None]


@pytest.mark.usefixtures("verifying")
def test_who_has_an_account_is_told_by_email_and_by_nothing_else(api: Client, conn: Connection) -> None:
    factories.account(conn, email=EMAIL)

    answers = [ask(api), ask(api, "nobody@example.com")]

    assert answers[0].body == answers[1].body
    (letter,) = letters_to(conn, EMAIL)
    assert letter.content is not None
    assert letter.content.subject == "You already have an account"
    assert "#token=" not in letter.content.text
    for link in ("http://127.0.0.1:3000/log-in", "http://127.0.0.1:3000/forgot-password"):
        assert link in letter.content.text
        assert link in letter.content.html
    assert len(accounts(conn)) == 1


@pytest.mark.usefixtures("verifying")
def test_a_blocked_account_is_not_written_to(api: Client, conn: Connection) -> None:
    factories.account(conn, email=EMAIL, blocked_at=factories.NOW)
    ask(api)

    assert [letter.content for letter in letters_to(conn, EMAIL)] == [None]


@pytest.mark.usefixtures("verifying")
def test_an_email_to_a_stranger_has_no_words_of_whoever_signed_up(api: Client, conn: Connection) -> None:
    ask(api, name="Buy at evil.example", organisation_name="Win a prize")

    (letter,) = letters_to(conn, EMAIL)

    assert letter.content is not None
    for text in (letter.content.subject, letter.content.text, letter.content.html):
        assert "evil.example" not in text
        assert "Win a prize" not in text


@pytest.mark.usefixtures("verifying")
def test_an_address_gets_ten_emails_an_hour_whatever_the_route(api: Client, conn: Connection) -> None:
    owner = factories.account(conn)
    path = f"/v1/organisations/{factories.organisation(conn, owner=owner)}/members"
    for number in range(6):
        ask(api, password=PASSWORD, name=f"Name {number}")
    for number in range(4):
        body = {"email": EMAIL.upper(), "role": "scanner"}
        assert api.post(path, body, account=owner, address=f"192.0.2.{number}").status == 201

    refused = [
        api.post("/v1/accounts", sign_up_request(email=EMAIL), address="192.0.2.9"),
        api.post(path, {"email": EMAIL, "role": "scanner"}, account=owner, address="192.0.2.9"),
    ]

    assert [answer.status for answer in refused] == [429, 429]
    assert refused[0].headers["ratelimit-limit"] == "10"
    assert 3500 < int(refused[0].headers["retry-after"]) <= 3600
    assert len(letters_to(conn, EMAIL)) == 10
    for way_in in ("password-resets", "order-links", "personal-data-requests"):
        assert api.post(f"/v1/{way_in}", {"email": EMAIL}, address="192.0.2.9").status == 202, "they count apart"


def test_whoever_gets_no_more_links_to_reset_has_one_that_works(api: Client, conn: Connection) -> None:
    factories.account(conn, email=EMAIL)
    answers = [
        api.post("/v1/password-resets", {"email": EMAIL}, address=f"192.0.2.{number}").status for number in range(6)
    ]

    assert answers == [202] * 5 + [429]
    until = "SELECT max(expires_at) >= (SELECT resets_at FROM rate_limits WHERE bucket = %s) FROM one_time_tokens"
    assert conn.execute(until, [f"reset to {EMAIL}"]).fetchone() == (True,)


def test_a_caller_has_three_hundred_emails_an_hour_sent(api: Client, conn: Connection) -> None:
    assert api.post("/v1/password-resets", {"email": EMAIL}).status == 202
    conn.execute("UPDATE rate_limits SET attempts = 300 WHERE bucket LIKE 'emails by%'")

    assert api.post("/v1/password-resets", {"email": "bola@example.com"}).status == 429
    assert api.post("/v1/password-resets", {"email": "bola@example.com"}, address="192.0.2.9").status == 202


def test_whether_addresses_are_verified_is_up_to_the_deployment_until_an_admin_decides(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFY_EMAILS", "true")
    config.settings.cache_clear()
    platform_settings.forget()
    ask(api)

    conn.execute("INSERT INTO platform_settings (name, value) VALUES ('verify_emails', 'false')")
    platform_settings.forget()
    sign_up(api)


# ------------------------------------------------------------------------------------------------ an account that is


def verification_link(api: Client, conn: Connection, email: str, **options: object) -> str:
    assert api.post("/v1/email-verifications", **options).status == 202
    return letters_to(conn, email)[-1].token


def test_the_password_or_the_session_of_the_account_confirms_its_address(api: Client, conn: Connection) -> None:
    for with_session in (True, False):
        person = sign_up(api)
        token = verification_link(api, conn, person.email, headers=person.headers)

        headers = person.headers if with_session else {}
        answer = confirm(api, token, None if with_session else PASSWORD, headers=headers)

        assert (answer.status, answer.json) == (200, {"email": person.email, "session": None})
        me = api.get("/v1/me", headers=person.headers)
        assert me.json["email_verified_at"]
        assert me.version == 2
        assert confirm(api, token, headers=headers).code == "link_over"


def test_a_link_that_another_has_asked_for_is_not_confirmed_by_a_click(api: Client, conn: Connection) -> None:
    """Somebody has signed up with the reader's address, and hopes that they confirm it."""
    mallory, ada = sign_up(api, email=EMAIL), sign_up(api)
    token = verification_link(api, conn, EMAIL, headers=mallory.headers)

    assert confirm(api, token, None).code == "proof_needed"
    assert confirm(api, token, None, headers=ada.headers).code == "proof_needed"
    assert confirm(api, token, OTHER_PASSWORD).code == "wrong_credentials"
    assert (EMAIL, True, "Ada") not in accounts(conn)


def test_the_link_of_a_taken_address_buys_no_hashes(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"email": EMAIL, "name": "Ada", "organisation_name": None}
    token = factories.one_time_token(conn, Purpose.SIGN_UP, **facts)
    sign_up(api, email=EMAIL)
    monkeypatch.delattr(bcrypt, "hashpw")

    assert confirm(api, token).code == "email_taken"


def test_wrong_passwords_are_limited(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    token = verification_link(api, conn, person.email, headers=person.headers)

    answers = [confirm(api, token, "wrong").status for _ in range(11)]

    assert answers == [401] * 10 + [429]
    assert confirm(api, token).status == 429
    assert confirm(api, token, address="192.0.2.9").status == 429
    assert confirm(api, token, None, headers=person.headers).status == 200, "who is logged in needs no password"


def test_a_link_confirms_only_the_address_that_it_was_sent_to(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    token = verification_link(api, conn, person.email, headers=person.headers)
    conn.execute("UPDATE accounts SET email = 'other@example.com' WHERE id = %s", [person.id])

    assert confirm(api, token).code == "link_over"


def test_a_blocked_account_confirms_nothing(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    token = verification_link(api, conn, person.email, headers=person.headers)
    conn.execute("UPDATE accounts SET blocked_at = now() WHERE id = %s", [person.id])

    assert confirm(api, token).code == "link_over"


def test_an_account_without_a_password_confirms_by_its_session(api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    token = verification_link(api, conn, f"{email_of(conn, account)}", account=account)

    assert confirm(api, token, PASSWORD).code == "wrong_credentials"
    assert confirm(api, token, None, account=account).status == 200


def email_of(conn: Connection, account: object) -> str:
    (email,) = conn.execute("SELECT email FROM accounts WHERE id = %s", [account]).fetchone() or ("",)
    return str(email)


def test_tokens_of_other_purposes_confirm_nothing(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    facts = {"account_id": person.id, "email": person.email}

    for purpose in (Purpose.RESET_PASSWORD, Purpose.UNDO_EMAIL_CHANGE):
        assert confirm(api, factories.one_time_token(conn, purpose, **facts)).code == "link_over"
    assert confirm(api, "nonsense").code == "link_over"
    assert one_time.find(conn, "nonsense", *Purpose) is None


def test_accounts_from_before_addresses_were_verified_log_in_as_before(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    conn.execute("INSERT INTO platform_settings (name, value) VALUES ('verify_emails', 'true')")
    platform_settings.forget()

    log_in(api, person)
