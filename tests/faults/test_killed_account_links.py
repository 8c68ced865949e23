"""A process that dies at any round trip does what a link says wholly or not at all, and the link still works."""

from collections.abc import Callable

import pytest
from psycopg import Connection

from boxoffice import db
from boxoffice.accounts import email_changes, password_resets, verification
from boxoffice.accounts.models import EmailChange, EmailConfirmation, PasswordReset, SignUpRequest
from boxoffice.auth import Caller, Who
from boxoffice.one_time import Purpose
from boxoffice.organisations import confirmation
from tests.helpers import factories
from tests.helpers.people import PASSWORD, Person, sign_up
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.support import Client, Database

NEW = "a better one entirely"
STRANGER = Caller(Who.PUBLIC)

type Deed = Callable[[db.Connection], object]


def transact(act: Callable[[db.Connection], object]) -> Deed:
    def deed(conn: db.Connection) -> None:
        with conn.transaction():
            act(conn)

    return deed


def offering(conn: Connection, person: Person) -> Deed:
    request = SignUpRequest(email="new@example.com", password=PASSWORD, name="Ada")
    return transact(lambda child: verification.offer_account(child, request))


def asking_to_reset(conn: Connection, person: Person) -> Deed:
    return transact(lambda child: password_resets.request(child, person.email))


def asking_to_change(conn: Connection, person: Person) -> Deed:
    caller = Caller(Who.ACCOUNT, account_id=person.id)
    request = EmailChange(email="new@example.com", current_password=PASSWORD)
    return lambda child: email_changes.start(child, caller, request)


def finishing_sign_up(conn: Connection, person: Person) -> Deed:
    facts = {"email": f"other-{person.email}", "name": "Ada", "organisation_name": "Freedom Park"}
    return confirming(factories.one_time_token(conn, Purpose.SIGN_UP, **facts))


def verifying_email(conn: Connection, person: Person) -> Deed:
    facts = {"account_id": person.id, "email": person.email}
    return confirming(factories.one_time_token(conn, Purpose.CONFIRM_EMAIL, **facts))


def changing_email(conn: Connection, person: Person) -> Deed:
    facts = {"account_id": person.id, "email": f"new-{person.email}", "old_email": person.email}
    return confirming(factories.one_time_token(conn, Purpose.CHANGE_EMAIL, **facts, undo_id=str(person.id)))


def confirming(token: str) -> Deed:
    request = EmailConfirmation(token=token, password=PASSWORD)
    return lambda child: confirmation.confirm_email(child, STRANGER, request)


def resetting(conn: Connection, person: Person) -> Deed:
    facts = {"account_id": person.id, "email": person.email}
    token = factories.one_time_token(conn, Purpose.RESET_PASSWORD, **facts)
    return lambda child: password_resets.reset(child, STRANGER, PasswordReset(token=token, password=NEW))


def undoing(conn: Connection, person: Person) -> Deed:
    facts = {"account_id": person.id, "email": person.email}
    token = factories.one_time_token(conn, Purpose.UNDO_EMAIL_CHANGE, **facts, verified=True)
    return transact(lambda child: email_changes.undo(child, STRANGER, token))


STATE = {
    "tokens": "SELECT count(*) FROM one_time_tokens WHERE purpose <> 'reset password' OR account_id IS NULL",
    "reset tokens": "SELECT count(*) FROM one_time_tokens WHERE purpose = 'reset password'",
    "accounts": "SELECT count(*) FROM accounts",
    "members": "SELECT count(*) FROM members",
    "verified": "SELECT count(*) FROM accounts WHERE email_verified_at IS NOT NULL",
    "moved": "SELECT count(*) FROM accounts WHERE email LIKE 'new-%'",
    "passwords": "SELECT count(*) FROM accounts WHERE password_hash IS NOT NULL",
    "sessions": "SELECT count(*) FROM sessions WHERE revoked_at IS NULL",
    "emails": "SELECT count(*) FROM outbox",
    "entries": "SELECT count(*) FROM audit_log",
}


def state(conn: Connection) -> dict[str, int]:
    return {name: (conn.execute(query).fetchone() or (0,))[0] for name, query in STATE.items()}


# What each changes, by how much.
DEEDS: dict[Callable[[Connection, Person], Deed], dict[str, int]] = {
    offering: {"tokens": 1, "emails": 1},
    asking_to_reset: {"reset tokens": 1, "emails": 1},
    asking_to_change: {"tokens": 2, "emails": 2, "entries": 1},
    finishing_sign_up: {"tokens": -1, "accounts": 1, "members": 1, "verified": 1, "passwords": 1, "sessions": 1}
    | {"entries": 2},
    verifying_email: {"tokens": -1, "verified": 1, "entries": 1},
    changing_email: {"tokens": -1, "verified": 1, "moved": 1, "emails": 1, "entries": 1},
    resetting: {"reset tokens": -1, "verified": 1, "sessions": -1, "emails": 1, "entries": 1},
    undoing: {
        "tokens": -1,
        "reset tokens": 1,
        "verified": 1,
        "passwords": -1,
        "sessions": -1,
        "emails": 1,
        "entries": 1,
    },
}


@pytest.mark.parametrize("make", DEEDS, ids=lambda make: make.__name__)
def test_it_is_done_wholly_or_not_at_all_and_then_works_again(
    api: Client, database: Database, conn: Connection, make: Callable[[Connection, Person], Deed]
) -> None:
    outcomes, moment, dead = set(), 0, True
    while dead:
        person = sign_up(api)
        deed = make(conn, person)
        before = state(conn)
        dead = die_at(database, moment, deed)
        wait_for_rollbacks(conn)
        after = state(conn)
        change = {name: after[name] - before[name] for name in STATE if after[name] != before[name]}
        assert change in ({}, DEEDS[make]), moment
        outcomes.add(bool(change))
        if dead and not change:
            with db.Connection.connect(database.api_url, autocommit=True) as again:
                deed(again)
            assert {name: state(conn)[name] - before[name] for name in DEEDS[make]} == DEEDS[make]
        conn.execute("DELETE FROM rate_limits")
        moment += 2 if moment else 1  # a kill before a request is a kill after the answer before it
    assert outcomes == {True, False}
    assert moment > 4
