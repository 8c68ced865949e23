"""A process that dies at any round trip leaves the second factor, its codes and the ways to log in whole."""

from psycopg import Connection

from boxoffice.accounts import google, second_factor
from boxoffice.accounts.errors import WrongSecondFactorCode
from boxoffice.accounts.models import GoogleLogInRequest, SecondFactorLogInRequest
from boxoffice.auth import Caller, Who
from tests.concurrency.test_second_factor import APP, caller, finish, google_code, waiting_log_in
from tests.helpers import factories
from tests.helpers.google import SECRET
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.support import Client, Database


def test_a_recovery_code_is_used_up_together_with_the_log_in(api: Client, database: Database, conn: Connection) -> None:
    moment, dead, outcomes = 0, True, set()
    while dead:
        account = factories.account(conn, email=f"a{moment}@example.com")
        factories.second_factor(conn, account)
        request = SecondFactorLogInRequest(
            second_factor_token=waiting_log_in(conn, account), code=factories.RECOVERY_CODE
        )

        def deed(child: Connection, account=account, request=request) -> None:  # type: ignore[no-untyped-def]
            with child.transaction():
                second_factor.log_in(child, Caller(Who.PUBLIC), account, request)

        dead = die_at(database, moment, deed)
        wait_for_rollbacks(conn)
        facts = conn.execute(
            """SELECT cardinality(recovery_hashes) = 0,
                EXISTS (SELECT FROM sessions WHERE account_id = %(id)s AND id <> account_id),
                NOT EXISTS (SELECT FROM one_time_tokens WHERE account_id = %(id)s),
                EXISTS (SELECT FROM outbox WHERE recipient = %(email)s)
            FROM second_factors WHERE account_id = %(id)s""",
            {"id": account, "email": f"a{moment}@example.com"},
        ).fetchone()
        assert facts in [(True,) * 4, (False,) * 4]
        outcomes.add(facts)
        if facts == (False,) * 4:  # nothing is lost: the same request goes on
            finish(conn, account, request.second_factor_token, request.code)
        moment += 1
    assert len(outcomes) == 2


def test_a_factor_is_confirmed_with_its_recovery_codes_or_not_at_all(
    api: Client, database: Database, conn: Connection
) -> None:
    moment, dead, outcomes = 0, True, set()
    while dead:
        account = factories.account(conn, email=f"b{moment}@example.com")
        other = factories.another_session(conn, account)
        factories.second_factor(conn, account, confirmed=False)
        code = APP.code()

        def deed(child: Connection, account=account, code=code) -> None:  # type: ignore[no-untyped-def]
            with child.transaction():
                second_factor.confirm(child, caller(account), code)

        dead = die_at(database, moment, deed)
        wait_for_rollbacks(conn)
        facts = conn.execute(
            """SELECT second_factor_since IS NOT NULL, cardinality(recovery_hashes) = 10, last_step > 0,
                EXISTS (SELECT FROM sessions WHERE id = %(other)s AND revoked_at IS NOT NULL),
                EXISTS (SELECT FROM outbox WHERE recipient = %(email)s)
            FROM second_factors JOIN accounts ON accounts.id = account_id WHERE account_id = %(id)s""",
            {"id": account, "other": other, "email": f"b{moment}@example.com"},
        ).fetchone()
        assert facts in [(True,) * 5, (False,) * 5]
        outcomes.add(facts)
        moment += 1
    assert len(outcomes) == 2


def test_a_first_log_in_with_google_makes_all_or_nothing(api: Client, database: Database, conn: Connection) -> None:
    moment, dead, outcomes = 0, True, set()
    while dead:
        email = f"c{moment}@gmail.com"
        request = GoogleLogInRequest(code=google_code(conn, email, subject=email), secret=SECRET)

        def deed(child: Connection, request=request) -> None:  # type: ignore[no-untyped-def]
            with child.transaction():
                google.log_in(child, Caller(Who.PUBLIC), request)

        dead = die_at(database, moment, deed)
        wait_for_rollbacks(conn)
        facts = conn.execute(
            """SELECT EXISTS (SELECT FROM accounts WHERE email = %(email)s),
                EXISTS (SELECT FROM google_identities WHERE subject = %(email)s),
                EXISTS (SELECT FROM sessions JOIN accounts ON accounts.id = account_id WHERE email = %(email)s),
                NOT EXISTS (SELECT FROM one_time_tokens WHERE payload->'person'->>'email' = %(email)s)""",
            {"email": email},
        ).fetchone()
        assert facts in [(True,) * 4, (False,) * 4]
        outcomes.add(facts)
        moment += 1
    assert len(outcomes) == 2


def test_a_wrong_code_keeps_the_log_in_that_waits(api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    factories.second_factor(conn, account)
    token = waiting_log_in(conn, account)

    assert finish(conn, account, token, "WRONG-CODE") is WrongSecondFactorCode
    assert not isinstance(finish(conn, account, token, factories.RECOVERY_CODE), type)
