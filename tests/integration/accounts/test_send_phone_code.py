"""Codes by text message: to whom they go, how many, and that nobody learns anything from the answer."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg import Connection

from boxoffice.accounts import phone_codes
from tests.helpers import factories
from tests.helpers.mailbox import code_in, deliver_sms, texts
from tests.helpers.phones import ask, get_code
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client, context, function

NIGERIAN = "+2348031234567"


@pytest.fixture(autouse=True)
def _configured(api: Client, conn: Connection) -> None:
    factories.allow_sms(conn, "US", "NG", "GB")


def sent(conn: Connection) -> int:
    """Return how many text messages are owed or sent."""
    return int((conn.execute("SELECT count(*) FROM outbox WHERE kind = 'sms'").fetchone() or [0])[0])


def age(conn: Connection, seconds: float) -> None:
    """Let the codes and the limits grow older."""
    older = timedelta(seconds=seconds)
    conn.execute("UPDATE phone_codes SET created_at = created_at - %s, expires_at = expires_at - %s", [older, older])
    conn.execute("UPDATE rate_limits SET resets_at = resets_at - %s", [older])


def pump(conn: Connection, prefix: str, *, sent: int, used: int) -> None:
    """Write codes of a prefix whose time was over an hour ago, and of which some were used."""
    for number in range(sent):
        conn.execute(
            """INSERT INTO phone_codes (id, phone, prefix, network, key_id, tries, created_at, expires_at, used_at)
            VALUES (%s, %s, %s, '192.0.2.1', 1, 1, now() - interval '65 min', now() - interval '1 hour',
                CASE WHEN %s THEN now() - interval '63 min' END)""",
            [uuid4(), f"{prefix}{number:07}", prefix, number < used],
        )


def test_a_code_of_six_digits_arrives(api: Client, conn: Connection) -> None:
    phone = factories.phone()
    answer = ask(api, phone)
    assert answer.status == 202
    assert answer.json == {"phone": phone, "expires_in": 300}
    deliver_sms(conn)
    (text,) = texts(phone)
    assert len(code_in(text)) == 6


def test_a_number_may_be_typed_as_it_is_dialled(api: Client, conn: Connection) -> None:
    answer = api.post("/v1/phone-codes", {"phone": "0803 123 4567", "country": "NG"})
    assert (answer.status, answer.json["phone"]) == (202, NIGERIAN)
    assert conn.execute("SELECT recipient FROM outbox").fetchall() == [(NIGERIAN,)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"phone": "0803 123 4567"},
        {"phone": "0803 123 4567", "country": "Nigeria"},
        {"phone": "0803 123 4567", "country": "XX"},
        {"phone": "+1234567"},
        {"phone": "Ada"},
        {"phone": "ශ්‍රී"},
        {"phone": "\U0001f4de"},
        {"phone": "\u200b"},
        {"phone": "+1" * 30},
    ],
    ids=str,
)
def test_what_is_no_number_is_refused(api: Client, conn: Connection, body: dict[str, str]) -> None:
    with unchanged(conn):
        answer = api.post("/v1/phone-codes", body)
    assert (answer.status, answer.code) == (422, "invalid")


@pytest.mark.parametrize(
    "phone",
    [
        "+18005550199",  # freephone
        "+19005550199",  # premium rate
        "+442079460958",  # fixed
        "+94771234567",  # a country that the platform does not send to
        "+18765551234",  # Jamaica has the country code of the United States
        "+870773111632",  # a satellite's
        "+12025550",
    ],
)
def test_only_mobile_phones_of_the_listed_countries_get_messages(api: Client, conn: Connection, phone: str) -> None:
    with unchanged(conn):
        answer = ask(api, phone)
    if phone == "+12025550":
        assert answer.code == "invalid"
    else:
        assert (answer.status, answer.code) == (422, "phone_not_supported")
        assert answer.json["countries"] == ["GB", "NG", "US"]
    assert conn.execute("SELECT FROM rate_limits").fetchall() == []


def test_without_listed_countries_nobody_gets_messages(api: Client, conn: Connection) -> None:
    factories.allow_sms(conn, sms_countries=[])
    answer = ask(api, factories.phone())
    assert (answer.code, answer.json["countries"]) == ("phone_not_supported", [])


def test_nothing_in_the_database_says_the_code(api: Client, conn: Connection) -> None:
    code = get_code(api, conn, factories.phone())
    dump = ""
    for (table,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
        dump += "".join(str(row) for row in conn.execute(f"SELECT t::text FROM {table} AS t").fetchall())
    assert code not in dump


def test_a_code_needs_the_key_and_its_own_id(api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code = factories.phone_code(conn)
    ((code_id,),) = conn.execute("SELECT id FROM phone_codes").fetchall()
    codes = {phone_codes._derive(uuid4(), 1) for _ in range(20)}
    assert len(codes) > 15
    monkeypatch.setattr(phone_codes, "_ring", lambda: "ticket-keys")
    assert phone_codes._derive(code_id, 1) != code, "the ring of tickets makes other codes"
    assert phone_codes._derive(code_id, 2) is None, "there is no such key"


def test_codes_are_forgotten_after_two_days(api: Client, conn: Connection) -> None:
    old, young = factories.phone(), factories.phone()
    for phone in (old, young):
        ask(api, phone)
    conn.execute("UPDATE phone_codes SET created_at = now() - interval '49 hours' WHERE phone = %s", [old])
    assert function("purge_personal_data").handler({}, context())["phone_codes"] == 1
    assert conn.execute("SELECT phone FROM phone_codes").fetchall() == [(young,)]


class TestTheAnswer:
    """It is the same for everybody, whether or not there is an account."""

    def test_for_known_and_unknown_numbers(self, api: Client, conn: Connection) -> None:
        known, merely_typed, unknown = (factories.phone() for _ in range(3))
        factories.account(conn, phone=known, phone_verified_at="now")
        factories.account(conn, phone=merely_typed)
        answers = [ask(api, phone) for phone in (known, merely_typed, unknown)]
        assert {answer.status for answer in answers} == {202}
        assert [answer.json for answer in answers] == [
            {"phone": phone, "expires_in": 300} for phone in (known, merely_typed, unknown)
        ]
        assert sent(conn) == 3

    def test_after_the_ceiling_too(self, api: Client, conn: Connection) -> None:
        known, unknown = factories.phone(), factories.phone()
        factories.account(conn, phone=known, phone_verified_at="now")
        factories.allow_sms(conn, sms_per_day=0)
        answers = [ask(api, phone).json | {"request_id": ""} for phone in (known, unknown)]
        assert answers[0]["code"] == "sms_limit_reached"
        assert answers[0] == answers[1]


class TestLimits:
    def test_three_an_hour_and_ten_a_day_go_to_a_number(self, api: Client, conn: Connection) -> None:
        phone, most = factories.phone(), []
        for _ in range(5):
            answers = [ask(api, phone, address=f"192.0.2.{number}") for number in range(4)]
            most.append([answer.status for answer in answers].count(202))
            assert (answers[-1].status, answers[-1].code) == (429, "too_many_requests")
            age(conn, 3600)
        assert most == [3, 3, 3, 1, 0]
        assert sent(conn) == 10
        age(conn, 86_400)
        assert ask(api, phone).status == 202

    def test_the_answer_says_how_many_are_left(self, api: Client) -> None:
        phone = factories.phone()
        assert [ask(api, phone).headers["ratelimit-remaining"] for _ in range(3)] == ["2", "1", "0"]
        refused = ask(api, phone)
        assert refused.headers["ratelimit-limit"] == "3"
        assert 3590 < int(refused.headers["retry-after"]) == refused.json["retry_after"] <= 3600

    def test_a_hundred_an_hour_for_an_address(self, api: Client, conn: Connection) -> None:
        answers = [ask(api, factories.phone()).status for _ in range(101)]
        assert answers == [202] * 100 + [429]
        assert ask(api, factories.phone(), address="192.0.2.1").status == 202

    def test_a_country_and_the_whole_have_a_ceiling(self, api: Client, conn: Connection, capsys) -> None:
        factories.allow_sms(conn, "US", "NG", sms_to_country_per_day=2, sms_per_day=3)
        assert [ask(api, factories.phone()).status for _ in range(3)] == [202, 202, 429]
        assert ask(api, NIGERIAN).status == 202
        refused = ask(api, "+2348031234568")
        assert (refused.status, refused.code) == (429, "sms_limit_reached")
        assert "ratelimit-limit" not in refused.headers, "that is nobody's business"
        assert sent(conn) == 3
        assert capsys.readouterr().out.count('"SmsLimited":[1.0]') == 2
        age(conn, 86_400)
        assert ask(api, NIGERIAN).status == 202

    def test_a_stranger_costs_no_more_than_the_ceiling(self, api: Client, conn: Connection) -> None:
        factories.allow_sms(conn, sms_per_day=25)
        for number in range(150):
            ask(api, factories.phone(), address=f"198.51.100.{number}")
        assert sent(conn) == 25
        counted = conn.execute("SELECT attempts FROM rate_limits WHERE bucket = 'sms to all'").fetchone()
        assert counted == (25,)
        assert conn.execute("SELECT count(*) FROM rate_limits").fetchone() == (25 * 3 + 2,), "nor writes any more"

    def test_what_is_refused_takes_nothing_from_the_ceiling(self, api: Client, conn: Connection) -> None:
        factories.allow_sms(conn, sms_per_day=5)
        phone = factories.phone()
        for _ in range(20):
            ask(api, phone)
        assert sent(conn) == 3
        assert [ask(api, factories.phone()).status for _ in range(3)] == [202, 202, 429]

    def test_a_prefix_whose_codes_nobody_uses_is_slowed(self, api: Client, conn: Connection, capsys) -> None:
        pump(conn, "+1999", sent=20, used=0)
        pump(conn, "+1202", sent=20, used=4)
        prefixed = [f"+120255501{number:02}" for number in range(8)]
        assert [ask(api, phone).status for phone in prefixed] == [202] * 5 + [429] * 3
        assert ask(api, "+12125550100").status == 202, "other prefixes go on"
        assert '"SmsLimited":[1.0]' in capsys.readouterr().out
        pump(conn, "+1202", sent=20, used=20)
        assert ask(api, prefixed[-1]).status == 202, "people use them again"

    def test_a_crowd_that_has_just_asked_is_not_slowed(self, api: Client, conn: Connection) -> None:
        phones = [f"+120255501{number:02}" for number in range(30)]
        assert {ask(api, phone).status for phone in phones} == {202}
        age(conn, 301)
        late = [f"+120255501{number:02}" for number in range(30, 37)]
        assert [ask(api, phone).status for phone in late] == [202] * 5 + [429] * 2, "none of them was used"
