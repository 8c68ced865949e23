"""The links of accounts, when several callers come at once."""

import hashlib
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.accounts import email_changes, google, password_resets, passwords, service, verification
from boxoffice.accounts.errors import EmailTaken, LinkOver, WrongCredentials
from boxoffice.accounts.models import (
    EmailChange,
    EmailConfirmation,
    GoogleLogInRequest,
    LogInRequest,
    PasswordReset,
    SessionView,
    SignUpRequest,
)
from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError, Unauthenticated
from boxoffice.one_time import Purpose
from boxoffice.organisations import confirmation
from tests.helpers import factories
from tests.helpers.people import PASSWORD, Person, sign_up, sign_up_request
from tests.helpers.racing import deadlocks, race, waiting
from tests.helpers.support import Client, Database

NEW = "a better one entirely"
STRANGER = Caller(Who.PUBLIC)


def reset_link(conn: Connection, person: Person) -> str:
    return factories.one_time_token(conn, Purpose.RESET_PASSWORD, account_id=person.id, email=person.email)


def reset(conn: db.Connection, token: str, password: str = NEW) -> None:
    password_resets.reset(conn, STRANGER, PasswordReset(token=token, password=password))


def change_link(conn: Connection, person: Person, email: str) -> str:
    facts = {"account_id": person.id, "email": email, "old_email": person.email}
    undo_id = str(UUID(int=0))
    return factories.one_time_token(conn, Purpose.CHANGE_EMAIL, **facts, undo_id=undo_id)


def confirm(conn: db.Connection, token: str, password: str = PASSWORD) -> str | None:
    """Confirm a link, and return the code of the error."""
    try:
        confirmation.confirm_email(conn, STRANGER, EmailConfirmation(token=token, password=password))
    except DomainError as error:
        return error.code
    except psycopg.errors.UniqueViolation:
        return EmailTaken.code  # as `db.autocommit` says
    return None


def live_sessions(conn: Connection) -> int:
    return len(conn.execute("SELECT FROM sessions WHERE revoked_at IS NULL").fetchall())


def test_of_racing_resets_with_one_link_one_wins(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)
    token = reset_link(conn, person)

    def act(racer: db.Connection, number: int) -> bool:
        try:
            reset(racer, token, f"{NEW} {number}")
        except LinkOver:
            return False
        return True

    won = race(database, 6, act)

    assert won.count(True) == 1
    body = {"email": person.email, "password": f"{NEW} {won.index(True)}"}
    assert api.post("/v1/sessions", body).status == 200
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (1,)


def test_of_racing_resets_with_several_links_of_an_account_one_wins(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    tokens = [reset_link(conn, person) for _ in range(6)]

    def act(racer: db.Connection, number: int) -> bool:
        try:
            reset(racer, tokens[number])
        except LinkOver:
            return False
        return True

    assert race(database, 6, act).count(True) == 1
    assert deadlocks(conn) == 0


def test_a_login_with_the_old_password_does_not_survive_a_reset(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    login = LogInRequest(email=person.email, password=PASSWORD)

    with psycopg.connect(database.api_url) as resetting:
        resetting.execute("UPDATE accounts SET password_hash = %s", [passwords.hash_of(NEW)])
        with waiting(conn, database, lambda other: service.log_in(other, STRANGER, login)) as late:
            resetting.commit()
            with pytest.raises(WrongCredentials):
                late.result()

    assert live_sessions(conn) == 1


def test_a_reset_revokes_a_login_that_was_a_moment_faster(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)
    token = reset_link(conn, person)

    with db.Connection.connect(database.api_url) as logging_in:
        service.log_in(logging_in, STRANGER, LogInRequest(email=person.email, password=PASSWORD))
        with waiting(conn, database, lambda other: reset(other, token)) as resetting:
            logging_in.commit()
            resetting.result()

    assert live_sessions(conn) == 0


def test_resets_and_logins_at_once_leave_no_session_of_the_old_password(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    token = reset_link(conn, person)

    def act(racer: db.Connection, number: int) -> None:
        try:
            if number == 0:
                reset(racer, token)
            else:
                service.log_in(racer, STRANGER, LogInRequest(email=person.email, password=PASSWORD))
        except WrongCredentials:
            pass

    race(database, 8, act)

    assert live_sessions(conn) == 0
    assert deadlocks(conn) == 0


def test_of_racing_confirmations_of_one_sign_up_one_makes_the_account(
    api: Client, database: Database, conn: Connection
) -> None:
    for _ in range(3):
        with conn.transaction():
            verification.offer_account(conn, SignUpRequest.model_validate(sign_up_request(email="ada@example.com")))
    token_ids = [row[0] for row in conn.execute("SELECT id FROM one_time_tokens").fetchall()]
    tokens = [factories.text_of(Purpose.SIGN_UP, token_id) for token_id in token_ids]

    outcomes = race(database, 6, lambda racer, number: confirm(racer, tokens[number % 3]))

    assert outcomes.count(None) == 1
    assert set(outcomes) <= {None, "link_over", "email_taken"}
    assert conn.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_of_racing_confirmations_of_one_change_one_wins(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)
    token = change_link(conn, person, "new@example.com")

    outcomes = race(database, 6, lambda racer, _: confirm(racer, token))

    assert sorted(outcomes, key=str) == [None, *["link_over"] * 5]
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (1,)


def test_one_of_several_accounts_that_confirm_the_same_address_gets_it(
    api: Client, database: Database, conn: Connection
) -> None:
    tokens = [change_link(conn, sign_up(api), "new@example.com") for _ in range(5)]

    outcomes = race(database, 5, lambda racer, number: confirm(racer, tokens[number]))

    assert sorted(outcomes, key=str) == [None, *["email_taken"] * 4]
    assert conn.execute("SELECT count(*) FROM accounts WHERE email = 'new@example.com'").fetchone() == (1,)


def test_two_changes_of_one_account_leave_one_link(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)
    caller = Caller(Who.ACCOUNT, account_id=person.id)

    def act(racer: db.Connection, number: int) -> None:
        request = EmailChange(email=f"new{number}@example.com", current_password=PASSWORD)
        email_changes.start(racer, caller, request)

    race(database, 5, act)

    purposes = "SELECT count(*) FROM one_time_tokens WHERE purpose = %s"
    assert conn.execute(purposes, [Purpose.CHANGE_EMAIL]).fetchone() == (1,)
    assert conn.execute(purposes, [Purpose.UNDO_EMAIL_CHANGE]).fetchone() == (5,)  # each was told to the old address
    assert deadlocks(conn) == 0


def test_whatever_comes_at_once_an_undo_has_the_last_word(api: Client, database: Database, conn: Connection) -> None:
    """A thief confirms, changes on and resets while the owner undoes the change."""
    person = sign_up(api, email="old@example.com")
    facts = {"account_id": person.id, "email": "old@example.com", "verified": True}
    undo = factories.one_time_token(conn, Purpose.UNDO_EMAIL_CHANGE, **facts)
    tokens = [change_link(conn, person, f"thief{number}@example.com") for number in range(3)]
    resets = [reset_link(conn, person) for _ in range(2)]
    caller = Caller(Who.ACCOUNT, account_id=person.id)

    def act(racer: db.Connection, number: int) -> str | None:
        try:
            if number < 3:
                return confirm(racer, tokens[number])
            if number < 5:
                return reset(racer, resets[number - 3])
            if number == 5:
                request = EmailChange(email="thief@example.com", current_password=PASSWORD)
                email_changes.start(racer, caller, request)
            else:
                with racer.transaction():
                    email_changes.undo(racer, STRANGER, undo)
        except (LinkOver, WrongCredentials, Unauthenticated) as error:
            return error.code
        return None

    assert race(database, 7, act)[6] is None

    assert [confirm(conn, token) for token in tokens] == ["link_over"] * 3
    assert conn.execute("SELECT email, password_hash FROM accounts").fetchone() == ("old@example.com", None)
    assert conn.execute("SELECT FROM one_time_tokens WHERE purpose = %s", [Purpose.CHANGE_EMAIL]).fetchall() == []
    assert live_sessions(conn) == 0
    assert deadlocks(conn) == 0


def test_a_login_with_the_google_account_of_a_thief_does_not_survive_an_undo(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api, email="old@example.com")
    identity = {"issuer": "https://accounts.google.com", "subject": "thief"}
    conn.execute(
        "INSERT INTO google_identities VALUES (%(issuer)s, %(subject)s, %(id)s)", {**identity, "id": person.id}
    )
    facts = {"account_id": person.id, "email": person.email, "verified": False}
    undo = factories.one_time_token(conn, Purpose.UNDO_EMAIL_CHANGE, **facts)
    secret = "s" * 43
    thief = {**identity, "email": "thief@gmail.com", "name": "Thief", "vouched": True}
    challenge = hashlib.sha256(secret.encode()).hexdigest()
    code = factories.one_time_token(conn, Purpose.GOOGLE_LOG_IN, challenge=challenge, person=thief)
    request = GoogleLogInRequest(code=code, secret=secret)

    def log_in(racer: db.Connection) -> SessionView:
        with racer.transaction():
            return google.log_in(racer, STRANGER, request)

    with db.Connection.connect(database.api_url) as undoing:
        email_changes.undo(undoing, STRANGER, undo)
        with waiting(conn, database, log_in) as late:
            undoing.commit()
            session = late.result()  # as somebody new

    assert isinstance(session, SessionView)
    assert session.account.id != person.id
    assert deadlocks(conn) == 0
