"""PUT /v1/me/password"""

from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.audit import Entry, only_entry
from tests.helpers.people import PASSWORD, Person, can_refresh, log_in, sign_up
from tests.helpers.support import Answer, Client

NEW = "a better one entirely"


def change(api: Client, person: Person, current: str = PASSWORD, new: str = NEW, **options: Any) -> Answer:
    body = {"current_password": current, "new_password": new}
    return api.put("/v1/me/password", body, headers=person.headers, **options)


def test_only_the_new_password_is_valid_afterwards(api: Client) -> None:
    person = sign_up(api)

    answer = change(api, person)

    assert (answer.status, answer.body) == (204, b"")
    assert api.post("/v1/sessions", {"email": person.email, "password": PASSWORD}).status == 401
    log_in(api, person, password=NEW)


def test_other_sessions_end_and_this_one_goes_on(api: Client, conn: Connection) -> None:
    phone = sign_up(api)
    laptop, somebody_else = log_in(api, phone), sign_up(api)

    change(api, laptop)

    assert not can_refresh(api, phone)
    assert can_refresh(api, laptop)
    assert can_refresh(api, somebody_else)
    subject, facts = f"account {phone.id}", {"sessions_revoked": 1}
    assert only_entry(conn) == Entry(phone.id, phone.id, "change_password", subject, facts, "203.0.113.7")


def test_a_wrong_current_password_is_refused(api: Client) -> None:
    phone = sign_up(api)
    laptop = log_in(api, phone)

    answer = change(api, laptop, current="not the right one")

    assert (answer.status, answer.code) == (401, "wrong_credentials")
    assert can_refresh(api, phone)
    log_in(api, phone)


def test_the_current_password_can_be_tried_ten_times_in_a_quarter_of_an_hour(api: Client) -> None:
    person = sign_up(api)
    guesses = [change(api, person, current="wrong", address=f"192.0.2.{number}").status for number in range(10)]

    answer = change(api, person, address="192.0.2.100")

    assert guesses == [401] * 10
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0


def test_an_account_without_a_password_cannot_change_it(api: Client, conn: Connection) -> None:
    body = {"current_password": "", "new_password": NEW}

    assert api.put("/v1/me/password", body, account=factories.account(conn)).code == "wrong_credentials"


def test_a_deleted_account_is_refused(api: Client) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW}

    assert api.put("/v1/me/password", body, account=uuid4()).code == "unauthenticated"


OTHER_BODIES = [
    {"new_password": NEW},
    {"current_password": PASSWORD, "new_password": "too short"},
    {"current_password": PASSWORD, "new_password": "x" * 73},
    {"current_password": "x" * 73, "new_password": NEW},
    {"current_password": PASSWORD, "new_password": NEW, "version": 1},
]


def test_invalid_bodies_are_refused(api: Client) -> None:
    person = sign_up(api)
    for body in OTHER_BODIES:
        assert api.put("/v1/me/password", body, headers=person.headers).status == 422, body


def test_only_accounts_have_a_password_to_change(api: Client) -> None:
    assert api.put("/v1/me/password", {"current_password": PASSWORD, "new_password": NEW}).status == 401


def test_a_password_that_is_easy_to_guess_is_refused(api: Client) -> None:
    person = sign_up(api)
    change = {"current_password": PASSWORD, "new_password": person.email}

    answer = api.put("/v1/me/password", change, headers=person.headers)

    assert (answer.status, answer.code) == (422, "guessable_password")
    assert "uncommon words" in answer.json["detail"]
