"""Log-in by phone: whoever has the phone, and nobody else."""

from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import audit, factories
from tests.helpers.authenticators import finish
from tests.helpers.mailbox import deliver_sms, letters_to
from tests.helpers.people import bearer
from tests.helpers.phones import ask, get_code, log_in, read_code, wrong
from tests.helpers.support import Client


@pytest.fixture
def phone(api: Client, conn: Connection) -> str:
    factories.allow_sms(conn)
    return factories.phone()


def accounts(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute("SELECT email, phone, phone_verified_at IS NOT NULL, name FROM accounts").fetchall()


def test_the_first_log_in_makes_an_account(api: Client, conn: Connection, phone: str) -> None:
    answer = log_in(api, phone, get_code(api, conn, phone), name="අද 👩🏽‍🎤 Ada")
    assert answer.status == 200, answer.body
    account = answer.json["account"]
    assert (account["email"], account["phone"], account["name"]) == (None, phone, "අද 👩🏽‍🎤 Ada")
    assert account["phone_verified_at"]
    me = api.get("/v1/me", headers=bearer(answer.json["access_token"]))
    assert me.json == account | {"memberships": [], "second_factor_since": None}
    assert api.post("/v1/sessions/refresh", {"refresh_token": answer.json["refresh_token"]}).status == 200


def test_a_name_is_not_needed(api: Client, conn: Connection, phone: str) -> None:
    assert log_in(api, phone, get_code(api, conn, phone)).json["account"]["name"] == ""


def test_later_log_ins_find_the_account_and_keep_its_name(api: Client, conn: Connection, phone: str) -> None:
    first = log_in(api, phone, get_code(api, conn, phone), name="Ada").json["account"]
    again = log_in(api, phone, get_code(api, conn, phone), name="Eve").json["account"]
    assert (again["id"], again["name"]) == (first["id"], "Ada")
    assert len(accounts(conn)) == 1


@pytest.mark.parametrize("spelling", ["{0}{1}{2} {3}{4}{5}", " {0}{1}{2}{3}{4}{5} "])
def test_a_code_may_be_typed_with_spaces(api: Client, conn: Connection, phone: str, spelling: str) -> None:
    assert log_in(api, phone, spelling.format(*get_code(api, conn, phone))).status == 200


def test_a_code_may_be_typed_in_persian_digits(api: Client, conn: Connection, phone: str) -> None:
    code = get_code(api, conn, phone).translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert log_in(api, phone, code).status == 200


@pytest.mark.parametrize("code", ["12345", "1234567", "abcdef", "", "½23456", "12 34", None, 123456])
def test_what_is_no_code_is_invalid(api: Client, conn: Connection, phone: str, code: object) -> None:
    assert log_in(api, phone, code).code == "invalid"  # type: ignore[arg-type]


def test_a_phone_that_somebody_typed_into_a_profile_is_nobodys(api: Client, conn: Connection, phone: str) -> None:
    typed = factories.account(conn)
    assert api.patch("/v1/me", {"phone": phone}, account=typed).status == 200
    account = log_in(api, phone, get_code(api, conn, phone)).json["account"]
    assert account["id"] != str(typed)


def refused(api: Client, phone: str, code: str) -> bool:
    answer = log_in(api, phone, code)
    assert answer.status == 200 or (answer.status, answer.code) == (401, "wrong_phone_code"), answer.body
    return answer.status == 401


def test_a_code_works_once(api: Client, conn: Connection, phone: str) -> None:
    code = get_code(api, conn, phone)
    assert [refused(api, phone, code) for _ in range(3)] == [False, True, True]


def test_a_code_works_for_its_phone_alone(api: Client, conn: Connection, phone: str) -> None:
    other = factories.phone()
    code, others_code = get_code(api, conn, phone), get_code(api, conn, other)
    if code != others_code:
        assert refused(api, other, code)
    assert not refused(api, phone, code)


def test_a_phone_without_a_code_is_refused_in_the_same_words(api: Client, conn: Connection, phone: str) -> None:
    without = log_in(api, factories.phone(), "123456").json
    given = log_in(api, phone, wrong(get_code(api, conn, phone))).json
    assert without | {"request_id": ""} == given | {"request_id": ""}


def test_a_code_is_over_after_five_minutes(api: Client, conn: Connection, phone: str) -> None:
    code = get_code(api, conn, phone)
    lifetime = conn.execute("SELECT expires_at - created_at FROM phone_codes").fetchone()
    assert lifetime == (timedelta(minutes=5),)
    conn.execute("UPDATE phone_codes SET expires_at = now()")
    assert refused(api, phone, code)


def test_a_code_can_be_tried_five_times(api: Client, conn: Connection, phone: str) -> None:
    code = get_code(api, conn, phone)
    assert all(refused(api, phone, wrong(code)) for _ in range(4))
    assert not refused(api, phone, code), "the fifth is right"
    code = get_code(api, conn, phone)
    assert all(refused(api, phone, wrong(code)) for _ in range(5))
    assert refused(api, phone, code)


def test_strangers_do_not_use_up_the_tries_of_whoever_has_asked(api: Client, conn: Connection, phone: str) -> None:
    """Twenty networks try it, and then one of them asks for a code of its own. The owner has never logged in before."""
    code = get_code(api, conn, phone)
    for number in range(20):
        log_in(api, phone, wrong(code), address=f"192.0.2.{number}")
    assert log_in(api, phone, code, address="192.0.2.1").code == "too_many_requests"
    assert ask(api, phone, address="192.0.2.1").status == 202
    deliver_sms(conn)

    assert refused(api, phone, wrong(code))
    assert not refused(api, phone, code)


def test_once_a_code_is_used_no_other_one_of_the_phone_is_worth_anything(
    api: Client, conn: Connection, phone: str
) -> None:
    code = get_code(api, conn, phone)
    ask(api, phone, address="192.0.2.1")
    other = read_code(conn, phone)
    if other != code:
        assert log_in(api, phone, other).status == 401, "it is another network's"
    assert log_in(api, phone, code).status == 200

    assert log_in(api, phone, other, address="192.0.2.1").code == "wrong_phone_code"


def test_a_code_may_be_typed_in_another_network_than_the_one_that_asked(
    api: Client, conn: Connection, phone: str
) -> None:
    """A phone may leave a Wi-Fi between the two."""
    assert log_in(api, phone, get_code(api, conn, phone), address="2001:db8::1").status == 200


def test_a_new_code_ends_the_one_before(api: Client, conn: Connection, phone: str) -> None:
    old, new = get_code(api, conn, phone), get_code(api, conn, phone)
    if old != new:
        assert refused(api, phone, old)
    assert not refused(api, phone, new)


def test_a_code_whose_key_was_withdrawn_is_worth_nothing(api: Client, conn: Connection, phone: str) -> None:
    code = get_code(api, conn, phone)
    conn.execute("UPDATE phone_codes SET key_id = 7")
    assert refused(api, phone, code)


def test_tries_are_limited_for_a_number_and_a_day(api: Client, conn: Connection, phone: str) -> None:
    codes = []
    for _ in range(3):
        codes += [log_in(api, phone, "123456").code for _ in range(16)]
        conn.execute("UPDATE rate_limits SET resets_at = now() WHERE bucket LIKE 'code hour%'")
    assert codes == [*["wrong_phone_code"] * 15, "too_many_requests"] * 2 + ["too_many_requests"] * 16


def test_strangers_do_not_lock_an_owner_out_who_is_where_they_have_logged_in_before(
    api: Client, conn: Connection, phone: str
) -> None:
    assert log_in(api, phone, get_code(api, conn, phone)).status == 200
    conn.execute("DELETE FROM rate_limits")
    ask, guess = ("/v1/phone-codes", {"phone": phone}), ("/v1/sessions/phone", {"phone": phone, "code": "123456"})
    assert [api.post(*ask, address="192.0.2.1").status for _ in range(4)] == [202] * 3 + [429]
    assert [api.post(*guess, address="192.0.2.1").status for _ in range(16)] == [401] * 15 + [429]

    assert log_in(api, phone, get_code(api, conn, phone)).status == 200


def test_an_address_counts_wrong_codes_alone(api: Client, conn: Connection, phone: str) -> None:
    """A venue is one address, and people there type right codes."""
    for _ in range(3):
        assert log_in(api, phone, get_code(api, conn, phone)).status == 200
    log_in(api, phone, "123456")
    counted = conn.execute("SELECT attempts FROM rate_limits WHERE bucket LIKE 'code address%'").fetchall()
    assert counted == [(1,)]
    conn.execute("UPDATE rate_limits SET attempts = 300 WHERE bucket LIKE 'code address%'")
    assert log_in(api, factories.phone(), "123456").status == 429


def test_a_blocked_account_does_not_get_in(api: Client, conn: Connection, phone: str) -> None:
    factories.account(conn, phone=phone, phone_verified_at="now", blocked_at="now")
    assert refused(api, phone, get_code(api, conn, phone))
    assert len(accounts(conn)) == 1


class TestANumberThatSomebodyElseHasNow:
    """Operators give numbers away again. A proof of a phone counts for 180 days."""

    @pytest.fixture
    def owner(self, conn: Connection, phone: str) -> UUID:
        return factories.account(conn, phone=phone, phone_verified_at="now", name="Bola")

    def age(self, conn: Connection, owner: UUID, days: float) -> None:
        age = timedelta(days=days)
        conn.execute("UPDATE accounts SET phone_verified_at = now() - %s WHERE id = %s", [age, owner])

    def test_each_log_in_proves_the_phone_again(self, api: Client, conn: Connection, phone: str, owner: UUID) -> None:
        for _ in range(2):
            self.age(conn, owner, 179)
            assert log_in(api, phone, get_code(api, conn, phone)).json["account"]["id"] == str(owner)

    def test_after_that_it_opens_a_new_account(self, api: Client, conn: Connection, phone: str, owner: UUID) -> None:
        self.age(conn, owner, 181)
        session = log_in(api, phone, get_code(api, conn, phone), name="Eve").json
        assert session["account"]["id"] != str(owner)
        assert session["account"]["name"] == "Eve"
        former = conn.execute(
            "SELECT phone, phone_verified_at, phone_lost_at IS NOT NULL FROM accounts WHERE id = %s", [owner]
        ).fetchone()
        assert former == (None, None, True)
        entry = audit.only_entry(conn)
        assert (entry.action, entry.subject) == ("release_phone", f"account {owner}")

    def test_the_former_account_is_told(self, api: Client, conn: Connection, phone: str, owner: UUID) -> None:
        self.age(conn, owner, 181)
        log_in(api, phone, get_code(api, conn, phone))
        (email,) = conn.execute("SELECT email FROM accounts WHERE id = %s", [owner]).fetchone() or ("",)
        (letter,) = letters_to(conn, email)
        assert letter.template == "phone_lost"
        assert letter.content
        assert "Somebody has proved that the phone number of your account" in letter.content.text

    def test_an_account_without_an_address_stays_without_its_phone(
        self, api: Client, conn: Connection, phone: str
    ) -> None:
        old = log_in(api, phone, get_code(api, conn, phone)).json
        self.age(conn, UUID(old["account"]["id"]), 181)
        new = log_in(api, phone, get_code(api, conn, phone)).json
        assert new["account"]["id"] != old["account"]["id"]
        me = api.get("/v1/me", headers=bearer(old["access_token"]))
        assert (me.status, me.json["phone"]) == (200, None), "a device that is still logged in stays so"


def test_an_account_with_a_second_factor_is_asked_for_it(api: Client, conn: Connection, phone: str) -> None:
    account = log_in(api, phone, get_code(api, conn, phone)).json["account"]["id"]
    factories.second_factor(conn, UUID(account))
    code = get_code(api, conn, phone)

    answer = log_in(api, phone, code)

    assert (answer.status, answer.code) == (401, "second_factor_needed")
    assert log_in(api, phone, code).code == "wrong_phone_code"  # it was used up: the token goes on from here
    finished = finish(api, answer.json["second_factor_token"], factories.RECOVERY_CODE)
    assert finished.json["account"]["id"] == account
