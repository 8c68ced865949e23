"""A process that dies at any round trip leaves an account, its sessions and its organisation whole."""

from uuid import UUID

from psycopg import Connection

from boxoffice.accounts import service, sessions
from boxoffice.accounts.models import PasswordChange, SignUpRequest
from boxoffice.auth import Caller, Who
from boxoffice.organisations import service as organisations
from tests.helpers.people import PASSWORD, Person, can_refresh, sign_up, sign_up_request
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.support import Client, Database

NEW = "a better one entirely"


def counts(conn: Connection, *tables: str) -> list[int]:
    return [int((conn.execute(f"SELECT count(*) FROM {table}").fetchone() or [0])[0]) for table in tables]


def test_a_sign_up_with_an_organisation_is_done_wholly_or_not_at_all(
    api: Client, database: Database, conn: Connection
) -> None:
    sign_up(api)  # reads the secrets, which the child cannot
    tables = ["accounts", "sessions", "refresh_tokens"], ["organisations", "members", "audit_log"]
    done, moment = 0, 0

    def deed(child: Connection) -> None:
        organisations.sign_up(
            child, Caller(Who.PUBLIC), SignUpRequest.model_validate(sign_up_request(organisation_name="Freedom Park"))
        )

    while die_at(database, moment, deed):
        wait_for_rollbacks(conn)
        accounts, *others = counts(conn, *tables[0], *tables[1])
        assert others == [accounts, accounts, accounts - 1, accounts - 1, 2 * accounts - 1]
        done, moment = accounts - 1, moment + 1
        sign_up_request()  # the child took an email that the parent does not know of
    assert moment > 10
    assert done >= 1


def test_a_refresh_that_was_cut_off_leaves_exactly_one_live_token(
    api: Client, database: Database, conn: Connection
) -> None:
    moment, dead = 0, True
    while dead:
        person = sign_up(api)
        dead = die_at(database, moment, lambda child, token=person.refresh_token: refresh(child, token))  # type: ignore[misc]
        wait_for_rollbacks(conn)
        good = """SELECT count(*) FROM refresh_tokens JOIN sessions ON sessions.id = session_id
            WHERE account_id = %s AND used_at IS NULL AND revoked_at IS NULL"""
        assert conn.execute(good, [person.id]).fetchone() == (1,)
        conn.execute("DELETE FROM rate_limits")
        moment += 1
    assert moment > 4


def test_a_password_changes_together_with_the_end_of_the_other_sessions(
    api: Client, database: Database, conn: Connection
) -> None:
    moment, dead, outcomes = 0, True, set()
    while dead:
        person = sign_up(api)
        dead = die_at(database, moment, lambda child, person=person: change(child, person))  # type: ignore[misc]
        wait_for_rollbacks(conn)
        unchanged = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD}).status == 200
        assert can_refresh(api, person) == unchanged
        conn.execute("DELETE FROM rate_limits")
        outcomes.add(unchanged)
        moment += 1
    assert outcomes == {True, False}


def refresh(conn: Connection, token: str) -> None:
    with conn.transaction():
        sessions.refresh_session(conn, Caller(Who.PUBLIC), token)


def change(conn: Connection, person: Person) -> None:
    caller = Caller(Who.ACCOUNT, account_id=person.id, session_id=UUID(int=0))
    service.change_password(conn, caller, PasswordChange(current_password=PASSWORD, new_password=NEW))
