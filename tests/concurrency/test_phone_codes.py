"""Phone codes, when many guess, ask and log in at once."""

from contextlib import suppress
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.errors import UniqueViolation

from boxoffice import db, outbox
from boxoffice.accounts import phone_codes, proven_phones, service
from boxoffice.accounts.errors import PhoneTaken, WrongPhoneCode
from boxoffice.accounts.models import AccountPatch, PhoneConfirmation, PhoneLogInRequest
from boxoffice.auth import Caller, Who
from boxoffice.errors import Busy
from tests.helpers import factories
from tests.helpers.phones import ask
from tests.helpers.racing import deadlocks, race, race_in_processes
from tests.helpers.support import Client, Database


@pytest.fixture(autouse=True)
def _configured(api: Client) -> None:
    """The settings and the queues."""


def log_in(conn: Connection, phone: str, code: str, address: str = "") -> str | None:
    """Log in. Return the account, or None if the code is refused."""
    request = PhoneLogInRequest(phone=phone, code=code)
    try:
        return str(proven_phones.log_in(conn, Caller(Who.PUBLIC, address=address), request).account.id)
    except WrongPhoneCode:
        return None


def confirm(conn: Connection, account: UUID, phone: str, code: str) -> bool:
    """Confirm a phone for an account. Return False if that is refused."""
    request = PhoneConfirmation(phone=phone, code=code)
    try:
        proven_phones.confirm(conn, Caller(Who.ACCOUNT, account, session_id=account), request)
    except (WrongPhoneCode, PhoneTaken):
        return False
    except UniqueViolation as error:  # the endpoint answers PhoneTaken
        if error.diag.constraint_name != PhoneTaken.constraint:
            raise
        return False
    return True


def believe(monkeypatch: pytest.MonkeyPatch, conn: Connection, phone: str, codes: int) -> None:
    """Let so many codes of a phone be right: each was tried while it was the newest. They are 000000, 000001, …"""
    ids = []
    for _ in range(codes):
        _, code = factories.phone_code(conn, phone)
        ids.append(phone_codes.check(conn, Caller(Who.PUBLIC), phone, code))
    monkeypatch.setattr(phone_codes, "check", lambda _conn, _caller, _phone, code: ids[int(code)])


def test_however_many_guess_at_once_a_code_is_tried_ten_times(database: Database, conn: Connection) -> None:
    """Five times from the network that has asked for it, and five times from all others together."""
    phone, code = factories.phone_code(conn)
    wrong = [f"{(int(code) + 1 + number) % 10**6:06}" for number in range(24)]

    def guess(racer: Connection, number: int) -> str | None:
        return log_in(racer, phone, wrong[number], address=f"192.0.2.{number}" if number % 2 else "")

    assert race(database, 24, guess) == [None] * 24
    assert conn.execute("SELECT tries, tries_elsewhere FROM phone_codes").fetchall() == [(5, 5)]
    assert [log_in(conn, phone, code, address) for address in ("", "192.0.2.1")] == [None, None]


def test_of_many_log_ins_with_one_code_one_gets_in(database: Database, conn: Connection) -> None:
    phone, code = factories.phone_code(conn)
    opened = race(database, 5, lambda racer, _: log_in(racer, phone, code))
    assert len([account for account in opened if account]) == 1
    assert conn.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
    assert conn.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_first_log_ins_with_several_codes_make_one_account(
    database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = factories.phone()
    believe(monkeypatch, conn, phone, codes=4)
    opened = race(database, 4, lambda racer, number: log_in(racer, phone, f"{number:06}"))
    assert len(set(opened)) == 1
    assert None not in opened
    assert conn.execute("SELECT count(*) FROM sessions").fetchone() == (4,)
    assert deadlocks(conn) == 0


def test_a_lapsed_phone_goes_to_one_of_those_who_prove_it(
    database: Database, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two log in, two confirm it for their accounts, and its former owner types another phone at the same time."""
    phone = factories.phone()
    former = factories.account(conn, phone=phone, phone_verified_at="2020-01-01")
    accounts = [factories.account(conn) for _ in range(2)]
    believe(monkeypatch, conn, phone, codes=4)
    other = AccountPatch.model_validate({"phone": factories.phone()})

    def act(racer: Connection, number: int) -> object:
        if number == 4:
            owner = Caller(Who.ACCOUNT, account_id=former, session_id=former)
            with suppress(Busy):  # somebody has proved the phone in this moment
                service.update_me(racer, owner, other, None)
            return None
        code = f"{number:06}"
        return confirm(racer, accounts[number], phone, code) if number < 2 else log_in(racer, phone, code)

    outcomes = race(database, 5, act)[:4]
    holders = conn.execute("SELECT id FROM accounts WHERE phone = %s AND phone_verified_at > '2021-01-01'", [phone])
    ((holder,),) = holders.fetchall()
    confirmed = [account for account, done in zip(accounts, outcomes[:2], strict=True) if done]
    opened = {account for account in outcomes[2:] if account}
    assert {*map(str, confirmed), *map(str, opened)} == {str(holder)}
    assert deadlocks(conn) == 0


def test_of_many_who_ask_for_codes_none_gets_past_a_limit(database: Database, api: Client, conn: Connection) -> None:
    """Ten messages may be sent in all. Six ask for one number, then ten for a number each."""
    factories.allow_sms(conn, sms_per_day=10)
    phone, others = factories.phone(), [factories.phone() for _ in range(10)]

    def act(racer: db.Connection, number: int, phones: list[str]) -> int:
        db._connection, outbox.enqueue = racer, lambda *_: []
        return ask(api, phones[number], address=f"192.0.2.{number}").status

    assert ask(api, factories.phone()).status == 202, "which reads the secrets"
    statuses = race_in_processes(database, 6, lambda racer, number: act(racer, number, [phone] * 6))
    assert sorted(statuses) == [202] * 3 + [429] * 3
    statuses = race_in_processes(database, 10, lambda racer, number: act(racer, number, others))
    assert sorted(statuses) == [202] * 6 + [429] * 4
    sent = conn.execute("SELECT count(*), count(*) FILTER (WHERE recipient = %s) FROM outbox", [phone]).fetchone()
    assert sent == (10, 3)
    assert conn.execute("SELECT attempts FROM rate_limits WHERE bucket = 'sms to all'").fetchone() == (10,)
    assert deadlocks(conn) == 0
