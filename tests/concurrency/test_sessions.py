"""Sessions, passwords and accounts, when several callers come at once."""

from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.accounts import passwords, service, sessions
from boxoffice.accounts.errors import SessionOver, WrongCredentials
from boxoffice.accounts.models import AccountPatch, LogInRequest, PasswordChange, SignUpRequest
from boxoffice.auth import Caller, Who
from boxoffice.errors import StaleVersion
from boxoffice.organisations import service as organisations
from tests.helpers import audit
from tests.helpers.people import PASSWORD, Person, can_refresh, log_in, sign_up, sign_up_request
from tests.helpers.racing import deadlocks, race, waiting
from tests.helpers.support import Client, Database

NEW = "a better one entirely"


def caller(person: Person, session: UUID | None = None) -> Caller:
    return Caller(Who.ACCOUNT, account_id=person.id, session_id=session)


def session_of(conn: Connection, person: Person) -> UUID:
    row = conn.execute("SELECT id FROM sessions WHERE account_id = %s ORDER BY id", [person.id]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def refresh(conn: Connection, token: str) -> str | None:
    try:
        with conn.transaction():
            return sessions.refresh_session(conn, Caller(Who.PUBLIC), token).refresh_token
    except SessionOver:
        return None


def test_of_racing_refreshes_of_one_token_one_wins(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)

    answers = race(database, 8, lambda racer, _: refresh(racer, person.refresh_token))

    (won,) = filter(None, answers)
    assert refresh(conn, won) is None  # the others presented a used token, which ends the session
    assert audit.only_entry(conn).action == "refresh_session"


def test_logging_out_everywhere_and_refreshing_at_once_never_deadlocks(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    tokens = [person.refresh_token, *(log_in(api, person).refresh_token for _ in range(5))]

    def act(racer: Connection, number: int) -> None:
        if number < len(tokens):
            refresh(racer, tokens[number])
        else:
            with racer.transaction():
                sessions.log_out_everywhere(racer, caller(person))

    race(database, len(tokens) + 4, act)

    assert conn.execute("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").fetchone() == (0,)
    assert deadlocks(conn) == 0


def test_a_login_with_the_old_password_does_not_survive_a_change_of_it(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    request = LogInRequest(email=person.email, password=PASSWORD)

    with psycopg.connect(database.api_url) as changing:
        changing.execute("UPDATE accounts SET password_hash = %s", [passwords.hash_of(NEW)])
        with waiting(conn, database, lambda other: service.log_in(other, Caller(Who.PUBLIC), request)) as login:
            changing.commit()

            with pytest.raises(WrongCredentials):
                login.result()

    assert conn.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_a_change_of_the_password_revokes_a_login_that_was_a_moment_faster(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    own = session_of(conn, person)
    change = PasswordChange(current_password=PASSWORD, new_password=NEW)

    with db.Connection.connect(database.api_url) as logging_in:
        session = service.log_in(logging_in, Caller(Who.PUBLIC), LogInRequest(email=person.email, password=PASSWORD))
        with waiting(
            conn, database, lambda other: service.change_password(other, caller(person, own), change)
        ) as changed:
            logging_in.commit()
            changed.result()

    assert refresh(conn, session.refresh_token) is None
    assert can_refresh(api, person)


def test_of_two_changes_of_one_password_one_wins(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)

    def act(racer: Connection, number: int) -> bool:
        change = PasswordChange(current_password=PASSWORD, new_password=f"{NEW} {number}")
        try:
            service.change_password(racer, caller(person), change)
        except WrongCredentials:
            return False
        return True

    won = race(database, 4, act)

    assert won.count(True) == 1
    log_in(api, person, password=f"{NEW} {won.index(True)}")


def test_of_two_edits_of_one_version_one_wins(api: Client, database: Database, conn: Connection) -> None:
    person = sign_up(api)

    def act(racer: Connection, number: int) -> bool:
        try:
            with racer.transaction():
                service.update_me(racer, caller(person), AccountPatch(name=f"Name {number}"), 1)
        except StaleVersion:
            return False
        return True

    won = race(database, 4, act)

    assert won.count(True) == 1
    assert conn.execute("SELECT name, version FROM accounts").fetchone() == (f"Name {won.index(True)}", 2)


def test_of_many_who_sign_up_with_one_email_address_one_gets_it(
    api: Client, database: Database, conn: Connection
) -> None:
    request = SignUpRequest.model_validate(sign_up_request(organisation_name="Freedom Park"))

    def act(racer: Connection, _: int) -> bool:
        try:
            organisations.sign_up(racer, Caller(Who.PUBLIC), request)
        except psycopg.errors.UniqueViolation:
            return False
        return True

    assert race(database, 6, act).count(True) == 1
    counts = (
        "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM organisations), (SELECT count(*) FROM sessions)"
    )
    assert conn.execute(counts).fetchone() == (1, 1, 1)
