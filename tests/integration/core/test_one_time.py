"""Tokens that work once."""

from datetime import timedelta
from uuid import uuid4

from psycopg import Connection

from boxoffice import one_time
from boxoffice.one_time import Purpose
from tests.helpers import factories
from tests.helpers.racing import race
from tests.helpers.support import Client, Database

HOUR = timedelta(hours=1)


def issued(conn: Connection, lifetime: timedelta = HOUR) -> str:
    return one_time.token_of(Purpose.CONFIRM_EMAIL, one_time.issue(conn, Purpose.CONFIRM_EMAIL, lifetime, name="Ada"))


def test_a_token_gives_its_payload_once(api: Client, conn: Connection) -> None:
    token = issued(conn)

    assert one_time.redeem(conn, Purpose.CONFIRM_EMAIL, token) == {"name": "Ada", "account_id": None}
    assert one_time.redeem(conn, Purpose.CONFIRM_EMAIL, token) is None


def test_a_token_that_is_over_gives_nothing(api: Client, conn: Connection) -> None:
    assert one_time.redeem(conn, Purpose.CONFIRM_EMAIL, issued(conn, timedelta(0))) is None


def test_forged_tokens_give_nothing(api: Client, conn: Connection) -> None:
    token = issued(conn)
    name, key_id, proof = token.split(".")
    unknown = one_time.token_of(Purpose.CONFIRM_EMAIL, uuid4())
    forged = [
        "",
        ".",
        "x",
        name,
        f"{name}.",
        f"{name}.{key_id}",
        f"{name}.9.{proof}",
        f"{name}.{key_id}.{proof[:-1]}",
        f"{unknown.split('.')[0]}.{key_id}.{proof}",
        unknown,
        f"{token}x",
        "\u00e9.\u00e9.\u00e9",
        "a" * 500,
    ]

    assert [one_time.redeem(conn, Purpose.CONFIRM_EMAIL, each) for each in forged] == [None] * len(forged)
    assert one_time.redeem(conn, Purpose.CONFIRM_EMAIL, token) is not None


def test_a_rollback_gives_the_token_back(api: Client, conn: Connection) -> None:
    token = issued(conn)
    with conn.transaction(force_rollback=True):
        assert one_time.redeem(conn, Purpose.CONFIRM_EMAIL, token)

    assert one_time.redeem(conn, Purpose.CONFIRM_EMAIL, token)


def test_of_racing_redemptions_one_wins(api: Client, conn: Connection, database: Database) -> None:
    token = issued(conn)

    def redeem(racer: Connection, _: int) -> bool:
        with racer.transaction():
            return one_time.redeem(racer, Purpose.CONFIRM_EMAIL, token) is not None

    assert sum(race(database, 8, redeem)) == 1


def test_an_account_can_end_all_its_tokens(api: Client, conn: Connection) -> None:
    ada, bola = factories.account(conn), factories.account(conn)
    tokens = [
        one_time.token_of(Purpose.CONFIRM_EMAIL, one_time.issue(conn, Purpose.CONFIRM_EMAIL, HOUR, account_id=account))
        for account in (ada, ada, bola)
    ]

    assert one_time.revoke(conn, Purpose.CONFIRM_EMAIL, ada) == 2
    assert [one_time.redeem(conn, Purpose.CONFIRM_EMAIL, token) is not None for token in tokens] == [False, False, True]
