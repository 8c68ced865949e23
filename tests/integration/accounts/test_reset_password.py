"""POST /v1/password-resets and POST /v1/password-resets/confirm"""

from datetime import timedelta

import pytest
from psycopg import Connection

from boxoffice.one_time import Purpose
from tests.helpers import factories
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, can_refresh, log_in, sign_up
from tests.helpers.support import Answer, Client

NEW = "a better one entirely"


def ask(api: Client, email: str) -> Answer:
    answer = api.post("/v1/password-resets", {"email": email})
    assert answer.status == 202, answer.body
    return answer


def reset(api: Client, token: str, password: str = NEW) -> Answer:
    return api.post("/v1/password-resets/confirm", {"token": token, "password": password})


def link_for(api: Client, conn: Connection, email: str) -> str:
    ask(api, email)
    return letters_to(conn, email)[-1].token


def test_the_link_sets_a_new_password(api: Client, conn: Connection) -> None:
    person = sign_up(api)

    assert reset(api, link_for(api, conn, person.email)).status == 204

    assert api.post("/v1/sessions", {"email": person.email, "password": PASSWORD}).status == 401
    log_in(api, person, password=NEW)


def test_a_reset_ends_every_session_and_every_other_link(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    phone = log_in(api, person)
    api.post("/v1/email-verifications", headers=person.headers)
    body = {"email": "new@example.com", "current_password": PASSWORD}
    assert api.put("/v1/me/email", body, headers=person.headers).status == 202
    older, newer = (link_for(api, conn, person.email) for _ in range(2))

    assert reset(api, newer).status == 204

    assert not can_refresh(api, person)
    assert not can_refresh(api, phone)
    assert reset(api, older, "still another one").code == "link_over"
    assert reset(api, newer, "still another one").code == "link_over"
    purposes = [purpose for (purpose,) in conn.execute("SELECT purpose FROM one_time_tokens").fetchall()]
    assert purposes == [Purpose.UNDO_EMAIL_CHANGE]  # a thief who resets the password must not end it


def test_the_address_is_told_and_counts_as_verified(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    assert reset(api, link_for(api, conn, person.email)).status == 204

    me = api.get("/v1/me", headers=log_in(api, person, password=NEW).headers).json
    assert me["email_verified_at"]
    told = letters_to(conn, person.email)[-1]
    assert told.template == "password_changed"
    assert told.content is not None
    assert "http://127.0.0.1:3000/forgot-password" in told.content.text


def test_whoever_made_the_account_with_anothers_address_is_shut_out(api: Client, conn: Connection) -> None:
    """An account whose address nobody has proven may have a phone and a second factor that are not the reader's."""
    mallory = sign_up(api)
    conn.execute("UPDATE accounts SET phone = '+2348012345678', phone_verified_at = now() WHERE id = %s", [mallory.id])
    factories.second_factor(conn, mallory.id)

    assert reset(api, link_for(api, conn, mallory.email)).status == 204

    assert not can_refresh(api, mallory)
    state = "SELECT phone_verified_at, second_factor_since, email_verified_at IS NULL FROM accounts"
    assert conn.execute(state).fetchone() == (None, None, False)
    assert conn.execute("SELECT FROM second_factors").fetchall() == []
    log_in(api, mallory, password=NEW)


def test_what_was_added_to_a_verified_address_stays(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    conn.execute("UPDATE accounts SET email_verified_at = now(), phone = '+2348012345678', phone_verified_at = now()")

    assert reset(api, link_for(api, conn, person.email)).status == 204

    assert conn.execute("SELECT phone_verified_at IS NULL FROM accounts").fetchone() == (False,)


def test_a_second_factor_stays_if_the_address_was_verified(api: Client, conn: Connection) -> None:
    """Who reads the emails has one factor, and the other is what they lack."""
    person = sign_up(api)
    conn.execute("UPDATE accounts SET email_verified_at = now()")
    factories.second_factor(conn, person.id)

    assert reset(api, link_for(api, conn, person.email)).status == 204

    answer = api.post("/v1/sessions", {"email": person.email, "password": NEW})
    assert answer.code == "second_factor_needed"


def test_an_account_without_a_password_gets_its_first(api: Client, conn: Connection) -> None:
    factories.account(conn, email="ada@example.com", email_verified_at=factories.NOW)

    assert reset(api, link_for(api, conn, "ada@example.com")).status == 204

    assert api.post("/v1/sessions", {"email": "ada@example.com", "password": NEW}).status == 200


def test_an_address_without_an_account_is_answered_alike_and_gets_nothing(api: Client, conn: Connection) -> None:
    person = sign_up(api)

    assert ask(api, person.email).body == ask(api, "nobody@example.com").body

    assert [letter.content for letter in letters_to(conn, "nobody@example.com")] == [None]


def test_a_blocked_account_gets_no_link_and_an_older_one_does_nothing(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    link = link_for(api, conn, person.email)
    conn.execute("UPDATE accounts SET blocked_at = now()")

    ask(api, person.email)

    assert [letter.content for letter in letters_to(conn, person.email)] == [None, None]
    assert reset(api, link).code == "link_over"


def test_a_link_that_went_to_a_former_address_does_nothing(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    link = link_for(api, conn, person.email)
    conn.execute("UPDATE accounts SET email = 'other@example.com'")

    assert reset(api, link).code == "link_over"
    assert [letter.content for letter in letters_to(conn, person.email)] == [None]


def test_a_link_is_over_after_half_an_hour(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    link = link_for(api, conn, person.email)
    (lifetime,) = conn.execute("SELECT expires_at - now() FROM one_time_tokens").fetchone() or (None,)
    assert timedelta(minutes=29) < lifetime <= timedelta(minutes=30)
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")

    assert reset(api, link).code == "link_over"


def test_a_refused_password_leaves_the_link(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    link = link_for(api, conn, person.email)

    assert reset(api, link, "short").status == 422
    assert reset(api, link, "password12345").code == "guessable_password"
    assert reset(api, link, f"{person.email}1").code == "guessable_password"

    assert reset(api, link).status == 204


@pytest.mark.parametrize("token", ["nonsense", "AAAA.1.AAAA", "é.1.é", "." * 200])
def test_a_token_that_is_none_of_ours_costs_no_hash(api: Client, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    def hash_of(*_: object) -> str:
        raise AssertionError("a stranger made us hash a password")

    monkeypatch.setattr("boxoffice.accounts.passwords.hash_of", hash_of)

    assert reset(api, token).code == "link_over"


def test_a_change_of_the_password_is_told_and_ends_the_links(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    link = link_for(api, conn, person.email)

    body = {"current_password": PASSWORD, "new_password": NEW}
    assert api.put("/v1/me/password", body, headers=person.headers).status == 204

    assert reset(api, link).code == "link_over"
    assert letters_to(conn, person.email)[-1].template == "password_changed"
