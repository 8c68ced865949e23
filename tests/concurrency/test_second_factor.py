"""The second factor and log-in with Google, when several callers come at once."""

import hashlib
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import db, one_time
from boxoffice.accounts import google, second_factor, service, sessions
from boxoffice.accounts.errors import (
    GoogleCodeOver,
    LogInOver,
    SecondFactorNeeded,
    SecondFactorOn,
    WrongCredentials,
    WrongSecondFactorCode,
)
from boxoffice.accounts.models import GoogleLogInRequest, LogInRequest, SecondFactorLogInRequest, SessionView
from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.one_time import Purpose
from tests.helpers import factories
from tests.helpers.authenticators import App
from tests.helpers.google import SECRET
from tests.helpers.people import PASSWORD, Person, sign_up
from tests.helpers.racing import deadlocks, race, waiting
from tests.helpers.support import Client, Database

APP = App(factories.APP_SECRET, [])


def nobody() -> Caller:
    return Caller(Who.PUBLIC)


def caller(account: UUID) -> Caller:
    return Caller(Who.ACCOUNT, account_id=account, session_id=account)


def waiting_log_in(conn: Connection, account: UUID) -> str:
    """Return the token of a log-in that waits for the second factor."""
    token_id = one_time.issue(conn, Purpose.SECOND_FACTOR, timedelta(minutes=5), account_id=account)
    return one_time.token_of(Purpose.SECOND_FACTOR, token_id)


def finish(conn: Connection, account: UUID, token: str, code: str) -> SessionView | type[DomainError]:
    request = SecondFactorLogInRequest(second_factor_token=token, code=code)
    try:
        with conn.transaction():
            return second_factor.log_in(conn, nobody(), account, request)
    except DomainError as error:
        return type(error)


def sessions_of(conn: Connection, account: UUID) -> int:
    (count,) = conn.execute(
        "SELECT count(*) FROM sessions WHERE account_id = %s AND id <> account_id AND revoked_at IS NULL", [account]
    ).fetchone() or (0,)
    return int(count)


@pytest.fixture
def account(api: Client, conn: Connection) -> UUID:
    account = factories.account(conn)
    factories.second_factor(conn, account)
    return account


@pytest.mark.parametrize("code_of", [APP.code, lambda: factories.RECOVERY_CODE], ids=["app", "recovery"])
def test_of_racing_log_ins_with_one_code_one_wins(
    database: Database, conn: Connection, account: UUID, code_of: object
) -> None:
    code = code_of()  # type: ignore[operator]
    tokens = [waiting_log_in(conn, account) for _ in range(6)]

    answers = race(database, 6, lambda racer, number: finish(racer, account, tokens[number], code))

    assert answers.count(WrongSecondFactorCode) == 5
    assert sessions_of(conn, account) == 1


def test_of_racing_log_ins_with_one_token_one_wins(database: Database, conn: Connection, account: UUID) -> None:
    token, codes = waiting_log_in(conn, account), [APP.code(-1), APP.code(0), APP.code(1), factories.RECOVERY_CODE]

    answers = race(database, 4, lambda racer, number: finish(racer, account, token, codes[number]))

    assert answers.count(LogInOver) == 3
    assert sessions_of(conn, account) == 1
    used = conn.execute("SELECT last_step > 0, cardinality(recovery_hashes) = 0 FROM second_factors").fetchone()
    assert used in [(True, False), (False, True)]  # who came late used no code up


def test_of_racing_guesses_five_are_looked_at(api: Client, database: Database, conn: Connection, account: UUID) -> None:
    """Each counts before the code is looked at, so that many at once find no more than one after the other."""
    from boxoffice.rate_limit import SQL

    def guess(racer: Connection, _: int) -> bool:
        bucket = f"second factor {account}"
        with racer.transaction():
            (counted,) = db.many(racer, dict, SQL.count_attempts, buckets=[bucket], windows=[timedelta(minutes=15)])
        return bool(counted["attempts"] <= 5)

    assert race(database, 16, guess).count(True) == 5
    answer = api.post(
        "/v1/sessions/second-factor",
        {"second_factor_token": waiting_log_in(conn, account), "code": factories.RECOVERY_CODE},
    )
    assert answer.status == 429


def test_a_log_in_during_the_confirmation_of_a_factor_gets_no_session_without_it(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    factories.second_factor(conn, person.id, confirmed=False)
    request = LogInRequest(email=person.email, password=PASSWORD)

    with db.Connection.connect(database.api_url) as confirming:
        second_factor.confirm(confirming, caller(person.id), APP.code())
        with waiting(conn, database, lambda other: service.log_in(other, nobody(), request)) as login:
            confirming.commit()

            with pytest.raises(SecondFactorNeeded):
                login.result()
    assert live(conn, person) == 0  # the confirmation has ended the session that was there before


def test_a_confirmation_ends_a_session_that_was_opened_a_moment_before(
    api: Client, database: Database, conn: Connection
) -> None:
    person = sign_up(api)
    factories.second_factor(conn, person.id, confirmed=False)

    with db.Connection.connect(database.api_url) as logging_in:
        service.log_in(logging_in, nobody(), LogInRequest(email=person.email, password=PASSWORD))
        with waiting(conn, database, lambda other: confirm(other, person.id)) as confirmed:
            logging_in.commit()
            confirmed.result()

    assert live(conn, person) == 0


def confirm(conn: db.Connection, account: UUID) -> None:
    with conn.transaction():
        second_factor.confirm(conn, caller(account), APP.code())


def live(conn: Connection, person: Person) -> int:
    (count,) = conn.execute(
        "SELECT count(*) FROM sessions WHERE account_id = %s AND revoked_at IS NULL", [person.id]
    ).fetchone() or (0,)
    return int(count)


def test_of_racing_confirmations_one_gives_the_recovery_codes(
    api: Client, database: Database, conn: Connection
) -> None:
    account = factories.account(conn)
    factories.second_factor(conn, account, confirmed=False)
    codes = [APP.code(0), APP.code(1)]

    def act(racer: Connection, number: int) -> list[str] | type[DomainError]:
        try:
            with racer.transaction():
                return second_factor.confirm(racer, caller(account), codes[number % 2]).recovery_codes
        except DomainError as error:
            return type(error)

    answers = race(database, 4, act)

    assert answers.count(SecondFactorOn) == 3
    (recovery_codes,) = [answer for answer in answers if isinstance(answer, list)]
    assert isinstance(finish(conn, account, waiting_log_in(conn, account), recovery_codes[9]), SessionView)


def test_a_removal_and_the_log_ins_that_wait_never_deadlock(
    database: Database, conn: Connection, account: UUID
) -> None:
    tokens = [waiting_log_in(conn, account) for _ in range(4)]
    codes = [APP.code(-1), APP.code(0), APP.code(1)]

    def act(racer: Connection, number: int) -> object:
        if number < 4:
            return finish(racer, account, tokens[number], codes[number % 3])
        try:
            with racer.transaction():
                if number == 4:
                    return second_factor.remove(racer, caller(account), factories.RECOVERY_CODE)
                if number == 5:
                    return sessions.log_out_everywhere(racer, caller(account))
                return second_factor.start(racer, caller(account))
        except DomainError as error:
            return type(error)

    race(database, 7, act)

    assert deadlocks(conn) == 0
    assert conn.execute("SELECT count(*) FROM one_time_tokens WHERE account_id = %s", [account]).fetchone() == (0,)


# --------------------------------------------------------------------------------------------------------- Google


def google_code(conn: Connection, email: str = "ada@gmail.com", subject: str = "1") -> str:
    person = {"issuer": "https://accounts.google.com", "subject": subject, "email": email, "name": "Ada"}
    facts = {"challenge": hashlib.sha256(SECRET.encode()).hexdigest(), "person": {**person, "vouched": True}}
    code_id = one_time.issue(conn, Purpose.GOOGLE_LOG_IN, timedelta(minutes=5), **facts)
    return one_time.token_of(Purpose.GOOGLE_LOG_IN, code_id)


def trade(conn: Connection, code: str) -> SessionView | type[DomainError]:
    try:
        with conn.transaction():
            return google.log_in(conn, nobody(), GoogleLogInRequest(code=code, secret=SECRET))
    except DomainError as error:
        return type(error)


def test_of_racing_trades_of_one_code_one_wins(api: Client, database: Database, conn: Connection) -> None:
    code = google_code(conn)

    answers = race(database, 6, lambda racer, _: trade(racer, code))

    assert answers.count(GoogleCodeOver) == 5
    assert conn.execute("SELECT count(*) FROM accounts").fetchone() == (1,)


def test_racing_first_log_ins_of_one_person_share_an_account(api: Client, database: Database, conn: Connection) -> None:
    codes = [google_code(conn) for _ in range(6)]

    answers = race(database, 6, lambda racer, number: trade(racer, codes[number]))

    assert len({answer.account.id for answer in answers if isinstance(answer, SessionView)}) == 1
    assert all(isinstance(answer, SessionView) for answer in answers)
    assert conn.execute("SELECT count(*) FROM google_identities").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_of_two_google_accounts_with_one_address_one_is_connected(
    api: Client, database: Database, conn: Connection
) -> None:
    codes = [google_code(conn, subject=str(number)) for number in range(4)]

    answers = race(database, 4, lambda racer, number: trade(racer, codes[number]))

    assert sum(isinstance(answer, SessionView) for answer in answers) == 1
    assert conn.execute("SELECT count(*) FROM google_identities").fetchone() == (1,)


def test_a_block_and_a_log_in_at_once_leave_no_open_session(api: Client, database: Database, conn: Connection) -> None:
    code = google_code(conn)
    trade(conn, google_code(conn))

    with db.Connection.connect(database.api_url) as blocking:
        blocking.execute("UPDATE accounts SET blocked_at = now()")
        with waiting(conn, database, lambda other: trade(other, code)) as login:
            blocking.commit()

            assert login.result() is WrongCredentials
