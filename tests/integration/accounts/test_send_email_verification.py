"""POST /v1/email-verifications"""

from psycopg import Connection

from boxoffice.one_time import Purpose
from tests.helpers import factories
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.support import Client


def test_a_newer_link_ends_the_older(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    for _ in range(2):
        assert api.post("/v1/email-verifications", headers=person.headers).status == 202
    older, newer = (row[0] for row in conn.execute("SELECT payload ->> 'token_id' FROM outbox ORDER BY id"))

    assert [letter.content is None for letter in letters_to(conn, person.email)] == [True, False]
    assert conn.execute("SELECT id::text FROM one_time_tokens").fetchall() == [(newer,)]
    assert older != newer


def test_an_address_that_is_verified_needs_no_link(api: Client, conn: Connection) -> None:
    account = factories.account(conn, email_verified_at=factories.NOW)

    answer = api.post("/v1/email-verifications", account=account)

    assert (answer.status, answer.code) == (409, "email_verified_before")
    assert conn.execute("SELECT FROM outbox").fetchall() == []


def test_an_account_without_an_address_has_nothing_to_verify(api: Client, conn: Connection) -> None:
    account = factories.account(conn, email=None, phone="+2348012345678", phone_verified_at=factories.NOW)

    assert api.post("/v1/email-verifications", account=account).code == "no_email"


def test_ten_links_an_hour(api: Client, conn: Connection) -> None:
    person = sign_up(api)

    answers = [api.post("/v1/email-verifications", headers=person.headers).status for _ in range(11)]

    assert answers == [202] * 10 + [429]


def test_nothing_in_the_database_opens_the_link(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    api.post("/v1/email-verifications", headers=person.headers)
    (letter,) = letters_to(conn, person.email)

    stored = str(conn.execute("SELECT t::text FROM one_time_tokens AS t").fetchall())
    stored += str(conn.execute("SELECT payload::text FROM outbox").fetchall())

    assert letter.token not in stored
    assert letter.token.rpartition(".")[2] not in stored
    body = {"token": letter.token, "password": PASSWORD}
    assert api.post("/v1/password-resets/confirm", body).code == "link_over"  # it is of another purpose
    assert Purpose.CONFIRM_EMAIL in stored
