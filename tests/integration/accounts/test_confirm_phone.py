"""A phone of an account that is confirmed by a code, and then opens the account."""

from datetime import timedelta

import pytest
from psycopg import Connection

from tests.helpers import audit, factories
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, Person, sign_up
from tests.helpers.phones import get_code, log_in, wrong
from tests.helpers.support import Answer, Client


@pytest.fixture
def phone(api: Client, conn: Connection) -> str:
    factories.allow_sms(conn)
    return factories.phone()


@pytest.fixture
def ada(api: Client) -> Person:
    return sign_up(api)


def confirm(api: Client, person: Person, phone: str, code: str, **fields: object) -> Answer:
    body = {"phone": phone, "code": code, "current_password": PASSWORD, **fields}
    return api.put("/v1/me/phone", body, headers=person.headers)


def test_a_confirmed_phone_opens_the_account(api: Client, conn: Connection, ada: Person, phone: str) -> None:
    answer = confirm(api, ada, phone, get_code(api, conn, phone))
    assert answer.status == 200, answer.body
    assert (answer.json["phone"], answer.json["email"]) == (phone, ada.email)
    assert answer.json["phone_verified_at"]
    assert answer.version == answer.json["version"]
    assert log_in(api, phone, get_code(api, conn, phone)).json["account"]["id"] == str(ada.id)
    entry = audit.only_entry(conn)
    assert (entry.action, entry.subject, entry.actor) == ("confirm_phone", f"account {ada.id}", ada.id)
    assert phone[1:] not in str(conn.execute("SELECT details FROM audit_log").fetchall())


def test_the_address_is_told(api: Client, conn: Connection, ada: Person, phone: str) -> None:
    confirm(api, ada, phone, get_code(api, conn, phone))
    (letter,) = letters_to(conn, ada.email)
    assert (letter.template, letter.content.subject) == ("phone_confirmed", "A phone has been added to your account")  # type: ignore[union-attr]
    for text in (letter.content.text, letter.content.html):  # type: ignore[union-attr]
        assert f"ends in {phone[-2:]}" in text
        assert phone not in text


@pytest.mark.parametrize(("password", "code"), [("another password", "wrong_credentials"), (None, "proof_needed")])
def test_it_takes_the_password(
    api: Client, conn: Connection, ada: Person, phone: str, password: str | None, code: str
) -> None:
    answer = confirm(api, ada, phone, get_code(api, conn, phone), current_password=password)
    assert (answer.status, answer.code) == (401, code)
    assert conn.execute("SELECT tries FROM phone_codes").fetchall() == [(0,)]


def test_without_a_password_it_takes_a_fresh_log_in(api: Client, conn: Connection, phone: str) -> None:
    session, other = log_in(api, phone, get_code(api, conn, phone)).json, factories.phone()
    body = {"phone": other, "code": get_code(api, conn, other)}
    headers = {"authorization": f"Bearer {session['access_token']}"}
    conn.execute("UPDATE sessions SET created_at = now() - interval '16 minutes'")
    assert api.put("/v1/me/phone", body, headers=headers).code == "proof_needed"
    conn.execute("UPDATE sessions SET created_at = now() - interval '14 minutes'")
    assert api.put("/v1/me/phone", body, headers=headers).json["phone"] == other


def test_a_wrong_code_confirms_nothing(api: Client, conn: Connection, ada: Person, phone: str) -> None:
    answer = confirm(api, ada, phone, wrong(get_code(api, conn, phone)))
    assert (answer.status, answer.code) == (401, "wrong_phone_code")
    assert conn.execute("SELECT phone FROM accounts").fetchall() == [(None,)]


def test_a_code_for_another_phone_confirms_nothing(api: Client, conn: Connection, ada: Person, phone: str) -> None:
    code = get_code(api, conn, factories.phone())
    assert confirm(api, ada, phone, code).code == "wrong_phone_code"


def test_a_phone_of_another_account_stays_there(api: Client, conn: Connection, ada: Person, phone: str) -> None:
    owner = factories.account(conn, phone=phone, phone_verified_at="now")
    answer = confirm(api, ada, phone, get_code(api, conn, phone))
    assert (answer.status, answer.code) == (409, "phone_taken")
    assert log_in(api, phone, get_code(api, conn, phone)).json["account"]["id"] == str(owner)


def test_a_phone_that_another_account_merely_typed_is_free(
    api: Client, conn: Connection, ada: Person, phone: str
) -> None:
    factories.account(conn, phone=phone)
    assert confirm(api, ada, phone, get_code(api, conn, phone)).status == 200


def test_a_phone_that_another_account_has_not_proved_for_long_moves(
    api: Client, conn: Connection, ada: Person, phone: str
) -> None:
    former = factories.account(conn, phone=phone, phone_verified_at="now")
    conn.execute("UPDATE accounts SET phone_verified_at = now() - %s WHERE id = %s", [timedelta(days=181), former])
    assert confirm(api, ada, phone, get_code(api, conn, phone)).status == 200
    assert conn.execute("SELECT phone FROM accounts WHERE id = %s", [former]).fetchone() == (None,)
    owed = conn.execute("SELECT template FROM outbox WHERE kind = 'email' ORDER BY template").fetchall()
    assert owed == [("phone_confirmed",), ("phone_lost",)]


def test_an_account_may_confirm_another_phone_instead(api: Client, conn: Connection, ada: Person, phone: str) -> None:
    confirm(api, ada, phone, get_code(api, conn, phone))
    other = factories.phone()
    assert confirm(api, ada, other, get_code(api, conn, other)).json["phone"] == other
    assert log_in(api, phone, get_code(api, conn, phone)).json["account"]["id"] != str(ada.id)


def test_an_account_by_phone_cannot_lose_its_only_way_in(api: Client, conn: Connection, phone: str) -> None:
    session = log_in(api, phone, get_code(api, conn, phone)).json
    headers = {"authorization": f"Bearer {session['access_token']}"}
    for other in (None, factories.phone()):
        answer = api.patch("/v1/me", {"phone": other}, headers=headers)
        assert (answer.status, answer.code) == (409, "no_contact_left")
    assert api.patch("/v1/me", {"phone": phone, "name": "Ada"}, headers=headers).json["phone_verified_at"]
    other = factories.phone()
    moved = api.put("/v1/me/phone", {"phone": other, "code": get_code(api, conn, other)}, headers=headers)
    assert (moved.status, moved.json["phone"]) == (200, other), "without a password, as it has none"
