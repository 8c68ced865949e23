"""The second factor: POST, DELETE /v1/me/second-factor, POST …/confirm and POST /v1/sessions/second-factor"""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy
import pytest
import zxingcpp
from psycopg import Connection

from boxoffice import config
from tests.helpers import audit, factories
from tests.helpers.authenticators import App, confirm, finish, needed, set_up, start
from tests.helpers.mailbox import letters_to
from tests.helpers.people import PASSWORD, Person, bearer, can_refresh, log_in, sign_up
from tests.helpers.rings import KeyRing
from tests.helpers.support import Answer, Client


def remove(api: Client, person: Person, code: str) -> Answer:
    return api.delete("/v1/me/second-factor", body={"code": code}, headers=person.headers)


def owed(conn: Connection) -> list[tuple[str, dict[str, Any]]]:
    """Return the emails about the second factor that are owed, in order."""
    rows = conn.execute("SELECT template, payload FROM outbox ORDER BY id").fetchall()
    return [(template, payload) for template, payload in rows]


def wrong_code(app: App) -> str:
    """Return six digits that are no code of these minutes."""
    codes = {app.code(steps) for steps in range(-3, 4)}
    return next(code for code in (f"{number:06}" for number in range(10)) if code not in codes)


class TestStart:
    def test_the_answer_has_the_secret_for_an_app(self, api: Client) -> None:
        person = sign_up(api)

        answer = start(api, person)

        assert answer.status == 201
        uri = urlsplit(answer.json["uri"])
        assert (uri.scheme, uri.netloc, uri.path) == (
            "otpauth",
            "totp",
            f"/Boxoffice:{person.email.replace('@', '%40')}",
        )
        assert parse_qs(uri.query) == {"secret": [answer.json["secret"]], "issuer": ["Boxoffice"]}
        assert len(answer.json["secret"]) == 32  # 160 bits, as RFC 4226 recommends

    def test_the_picture_says_the_same(self, api: Client) -> None:
        answer = start(api, sign_up(api))

        assert read_picture(answer.json["qr_svg"]) == answer.json["uri"]

    def test_a_log_in_asks_for_no_code_before_one_has_confirmed_the_secret(self, api: Client) -> None:
        person = sign_up(api)
        start(api, person)

        log_in(api, person)
        assert api.get("/v1/me", headers=person.headers).json["second_factor_since"] is None

    def test_it_needs_the_password(self, api: Client) -> None:
        person = sign_up(api)

        assert start(api, person, current_password="not the right one").code == "wrong_credentials"
        assert start(api, person, current_password=None).code == "proof_needed"

    def test_an_account_without_a_password_needs_a_fresh_log_in(self, api: Client, conn: Connection) -> None:
        account = factories.account(conn)
        path = "/v1/me/second-factor"
        assert api.post(path, {}, account=account).status == 201

        conn.execute("UPDATE sessions SET created_at = now() - interval '16 minutes'")

        assert api.post(path, {}, account=account).code == "proof_needed"

    def test_the_password_can_be_tried_ten_times(self, api: Client) -> None:
        person = sign_up(api)

        answers = [start(api, person, current_password="wrong").status for _ in range(11)]

        assert answers[-1] == 429

    def test_the_secret_is_encrypted_in_the_database(self, api: Client, conn: Connection) -> None:
        secret = start(api, sign_up(api)).json["secret"]

        (stored,) = conn.execute("SELECT secret FROM second_factors").fetchone() or (b"",)

        assert secret.encode() not in stored
        assert len(stored) == 12 + 32 + 16

    def test_only_accounts_have_one(self, api: Client) -> None:
        assert api.post("/v1/me/second-factor", {}).status == 401


class TestConfirm:
    def test_from_then_on_a_log_in_asks_for_a_code(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)

        app = set_up(api, person)

        assert finish(api, needed(api, person), app.next_code()).status == 200
        assert api.get("/v1/me", headers=person.headers).json["second_factor_since"] is not None
        assert owed(conn) == [("second_factor_added", {})]
        entry = audit.only_entry(conn)
        assert (entry.action, entry.chain, entry.actor) == ("confirm_second_factor", person.id, person.id)

    def test_it_gives_ten_recovery_codes_of_which_only_hashes_are_stored(self, api: Client, conn: Connection) -> None:
        codes = set_up(api, sign_up(api)).recovery_codes

        stored = str(conn.execute("SELECT * FROM second_factors").fetchall())

        assert len(set(codes)) == 10
        assert {len(code) for code in codes} == {29}, "24 characters of 26: 112 bits"
        assert not any(code in stored or code.replace("-", "") in stored for code in codes)

    def test_other_sessions_end_since_they_began_without_it(self, api: Client) -> None:
        laptop = sign_up(api)
        phone = log_in(api, laptop)

        set_up(api, laptop)

        assert not can_refresh(api, phone)
        assert can_refresh(api, laptop)

    def test_a_wrong_code_confirms_nothing(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)
        app = App(start(api, person).json["secret"], [])

        answer = confirm(api, person, wrong_code(app))

        assert (answer.status, answer.code) == (401, "wrong_second_factor_code")
        log_in(api, person)
        assert confirm(api, person, app.code()).status == 200

    def test_a_new_start_ends_the_secret_before(self, api: Client) -> None:
        person = sign_up(api)
        old = App(start(api, person).json["secret"], [])
        new = App(start(api, person).json["secret"], [])

        assert confirm(api, person, old.code()).code == "wrong_second_factor_code"
        assert confirm(api, person, new.code()).status == 200

    def test_a_secret_waits_an_hour_for_its_code(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)
        app = App(start(api, person).json["secret"], [])
        conn.execute("UPDATE second_factors SET started_at = now() - interval '1 hour'")

        assert (confirm(api, person, app.code()).status, confirm(api, person, app.code()).code) == (
            409,
            "no_second_factor",
        )

    def test_without_a_start_there_is_nothing_to_confirm(self, api: Client) -> None:
        assert confirm(api, sign_up(api), "123456").code == "no_second_factor"

    def test_a_factor_is_confirmed_once_and_replaced_only_after_its_removal(self, api: Client) -> None:
        person = sign_up(api)
        app = set_up(api, person)

        assert (start(api, person).status, start(api, person).code) == (409, "second_factor_on")
        assert (confirm(api, person, app.code()).status, confirm(api, person, app.code()).code) == (
            409,
            "second_factor_on",
        )

    def test_five_wrong_codes_are_the_limit(self, api: Client) -> None:
        person = sign_up(api)
        app = App(start(api, person).json["secret"], [])

        assert [confirm(api, person, wrong_code(app)).status for _ in range(5)] == [401] * 5
        assert confirm(api, person, app.code()).status == 429


class TestLogIn:
    @pytest.fixture
    def person(self, api: Client) -> Person:
        return sign_up(api)

    @pytest.fixture
    def app(self, api: Client, person: Person) -> App:
        return set_up(api, person)

    def test_a_code_of_the_app_opens_the_session(self, api: Client, person: Person, app: App) -> None:
        answer = finish(api, needed(api, person), app.next_code(), device_name="Ada's laptop")

        assert answer.status == 200
        headers = bearer(answer.json["access_token"])
        assert api.get("/v1/sessions", headers=headers).json["items"][0]["device"] == "Ada's laptop"
        assert answer.json["account"]["id"] == str(person.id)

    def test_a_wrong_password_is_not_asked_for_a_code(self, api: Client, person: Person, app: App) -> None:
        answer = api.post("/v1/sessions", {"email": person.email, "password": "not the right one"})

        assert answer.code == "wrong_credentials"

    def test_the_first_step_opens_nothing(self, api: Client, conn: Connection, person: Person, app: App) -> None:
        before = conn.execute("SELECT count(*) FROM sessions").fetchone()

        answer = api.post("/v1/sessions", {"email": person.email, "password": PASSWORD})

        assert set(answer.json) >= {"second_factor_token", "expires_in"}
        assert answer.json["expires_in"] == 600
        assert conn.execute("SELECT count(*) FROM sessions").fetchone() == before

    def test_a_code_works_once(self, api: Client, person: Person, app: App) -> None:
        code = app.next_code()

        assert finish(api, needed(api, person), code).status == 200
        assert finish(api, needed(api, person), code).code == "wrong_second_factor_code"

    def test_a_code_before_one_that_was_used_is_refused(self, api: Client, person: Person, app: App) -> None:
        assert finish(api, needed(api, person), app.code(1)).status == 200
        assert finish(api, needed(api, person), app.code(0)).status == 401

    def test_a_code_may_be_typed_with_spaces_and_in_other_digits(self, api: Client, person: Person, app: App) -> None:
        digits = app.next_code().translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))

        assert finish(api, needed(api, person), f"{digits[:3]} {digits[3:]}").status == 200

    def test_a_recovery_code_works_once_and_an_email_tells(
        self, api: Client, conn: Connection, person: Person, app: App
    ) -> None:
        code = app.recovery_codes[3]

        assert finish(api, needed(api, person), code.lower().replace("-", " ")).status == 200
        assert finish(api, needed(api, person), code).code == "wrong_second_factor_code"
        assert owed(conn)[1:] == [("recovery_code_used", {"left": 9})]
        assert finish(api, needed(api, person), app.recovery_codes[4]).status == 200
        assert owed(conn)[2:] == [("recovery_code_used", {"left": 8})]

    def test_the_recovery_code_of_another_account_is_wrong(self, api: Client, person: Person, app: App) -> None:
        other = set_up(api, sign_up(api))

        assert finish(api, needed(api, person), other.recovery_codes[0]).code == "wrong_second_factor_code"

    def test_a_wrong_code_is_in_the_audit_log(self, api: Client, conn: Connection, person: Person, app: App) -> None:
        finish(api, needed(api, person), wrong_code(app))

        entry = audit.entries(conn)[-1]
        assert (entry.chain, entry.action, entry.address) == (person.id, "log_in_with_second_factor", "203.0.113.7")
        assert entry.details == {"refused": "wrong_second_factor_code"}

    def test_after_a_wrong_code_the_token_goes_on(self, api: Client, person: Person, app: App) -> None:
        token = needed(api, person)

        assert finish(api, token, wrong_code(app)).code == "wrong_second_factor_code"
        assert finish(api, token, app.next_code()).status == 200

    def test_a_token_opens_one_session(self, api: Client, person: Person, app: App) -> None:
        token = needed(api, person)
        assert finish(api, token, app.next_code()).status == 200

        answer = finish(api, token, app.next_code())

        assert (answer.status, answer.code) == (401, "log_in_over")

    @pytest.mark.parametrize("token", ["x", "AZgfbHsAehGMPl0vQKGwEw.1.7hQ0cVnY3tLxJr8WkZsPm2aDfGuEoB5i", "." * 200])
    def test_a_forged_token_is_over(self, api: Client, token: str) -> None:
        assert finish(api, token, "123456").code == "log_in_over"

    def test_a_token_lasts_ten_minutes(self, api: Client, conn: Connection, person: Person, app: App) -> None:
        token = needed(api, person)
        conn.execute("UPDATE one_time_tokens SET expires_at = expires_at - interval '10 minutes'")

        assert finish(api, token, app.next_code()).code == "log_in_over"

    def test_a_change_of_the_password_ends_the_log_ins_that_wait(self, api: Client, person: Person, app: App) -> None:
        token = needed(api, person)
        change = {"current_password": PASSWORD, "new_password": "a better one entirely"}
        assert api.put("/v1/me/password", change, headers=person.headers).status == 204

        assert finish(api, token, app.next_code()).code == "log_in_over"

    def test_logging_out_everywhere_ends_them_too(self, api: Client, person: Person, app: App) -> None:
        token = needed(api, person)
        api.delete("/v1/sessions", headers=person.headers)

        assert finish(api, token, app.next_code()).code == "log_in_over"

    def test_a_blocked_account_gets_no_further(self, api: Client, conn: Connection, person: Person, app: App) -> None:
        token = needed(api, person)
        conn.execute("UPDATE accounts SET blocked_at = now()")

        assert finish(api, token, app.next_code()).code == "wrong_credentials"
        assert api.post("/v1/sessions", {"email": person.email, "password": PASSWORD}).code == "wrong_credentials"

    def test_five_wrong_codes_lock_the_factor_for_a_quarter_of_an_hour(
        self, api: Client, conn: Connection, person: Person, app: App
    ) -> None:
        token = needed(api, person)
        for number in range(5):
            answer = finish(api, token, wrong_code(app), device_name=f"from address {number}")
            assert answer.status == 401
            assert answer.headers["ratelimit-remaining"] == str(4 - number)

        locked = finish(api, token, app.next_code())

        assert (locked.status, locked.code) == (429, "too_many_requests")
        assert 890 <= int(locked.headers["retry-after"]) <= 900
        assert finish(api, needed(api, person), app.recovery_codes[0]).status == 429
        assert finish(api, needed(api, person), app.recovery_codes[0]).status == 429
        conn.execute("UPDATE rate_limits SET resets_at = now()")
        assert finish(api, needed(api, person), app.recovery_codes[0]).status == 200

    def test_a_right_code_counts_for_nothing(self, api: Client, person: Person, app: App) -> None:
        """Nor does it forget the wrong ones: a thief who knows the password would wait for the owner to log in."""
        token = needed(api, person)
        assert [finish(api, token, wrong_code(app)).status for _ in range(4)] == [401] * 4
        for code in app.recovery_codes[:3]:
            assert finish(api, needed(api, person), code).status == 200
        assert [finish(api, needed(api, person), wrong_code(app)).status for _ in range(2)] == [401, 429]

    def test_wrong_codes_of_one_account_do_not_lock_another(self, api: Client, person: Person, app: App) -> None:
        other = sign_up(api)
        others_app = set_up(api, other)
        token = needed(api, person)
        for _ in range(6):
            finish(api, token, wrong_code(app))

        assert finish(api, needed(api, other), others_app.next_code()).status == 200

    def test_if_the_key_of_the_secret_was_withdrawn_a_recovery_code_is_left(
        self, api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring = KeyRing()
        monkeypatch.setenv("DATA_KEYS_SECRET", ring.id)
        config.settings.cache_clear()
        person = sign_up(api)
        app = set_up(api, person)
        ring.rotate()
        ring.take_out("1")
        config.forget_secrets()

        token = needed(api, person)
        assert finish(api, token, app.next_code()).code == "wrong_second_factor_code"
        assert finish(api, token, app.recovery_codes[0]).status == 200

    def test_each_use_moves_the_secret_to_the_current_key(
        self, api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring = KeyRing()
        monkeypatch.setenv("DATA_KEYS_SECRET", ring.id)
        config.settings.cache_clear()
        person = sign_up(api)
        app = set_up(api, person)
        ring.rotate()
        config.forget_secrets()
        assert finish(api, needed(api, person), app.next_code()).status == 200
        ring.take_out("1")
        config.forget_secrets()

        assert finish(api, needed(api, person), app.next_code()).status == 200
        assert conn.execute("SELECT key_id FROM second_factors").fetchall() == [(2,)]


class TestRemove:
    def test_a_log_in_then_asks_for_no_code(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)
        app = set_up(api, person)

        answer = remove(api, person, app.next_code())

        assert (answer.status, answer.body) == (204, b"")
        log_in(api, person)
        assert api.get("/v1/me", headers=person.headers).json["second_factor_since"] is None
        assert conn.execute("SELECT FROM second_factors").fetchall() == []
        assert owed(conn) == [("second_factor_added", {}), ("second_factor_removed", {})]
        actions = [entry.action for entry in audit.entries(conn)]
        assert actions == ["confirm_second_factor", "remove_second_factor"]

    def test_a_recovery_code_removes_it_too(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)
        app = set_up(api, person)

        assert remove(api, person, app.recovery_codes[0]).status == 204
        assert [template for template, _ in owed(conn)][1:] == ["recovery_code_used", "second_factor_removed"]

    def test_a_log_in_that_waits_for_it_ends(self, api: Client) -> None:
        person = sign_up(api)
        app = set_up(api, person)
        token = needed(api, person)

        remove(api, person, app.next_code())

        assert finish(api, token, app.next_code()).code == "log_in_over"

    def test_a_wrong_code_removes_nothing_and_five_lock_it(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)
        app = set_up(api, person)

        answers = [remove(api, person, wrong_code(app)) for _ in range(5)]

        assert [(answer.status, answer.code) for answer in answers] == [(401, "wrong_second_factor_code")] * 5
        assert remove(api, person, app.next_code()).status == 429
        assert conn.execute("SELECT count(*) FROM second_factors").fetchone() == (1,)

    def test_one_that_was_only_started_ends_without_a_word(self, api: Client, conn: Connection) -> None:
        person = sign_up(api)
        app = App(start(api, person).json["secret"], [])

        assert remove(api, person, app.code()).status == 204
        assert owed(conn) == []
        assert confirm(api, person, app.code(1)).code == "no_second_factor"

    @pytest.mark.parametrize("code", ["123456", "K7QW-3MPX-9TCR-ZB4N"])
    def test_without_a_factor_there_is_nothing_to_remove(self, api: Client, code: str) -> None:
        answer = remove(api, sign_up(api), code)

        assert (answer.status, answer.code) == (409, "no_second_factor")

    def test_the_same_app_can_be_set_up_again(self, api: Client) -> None:
        person = sign_up(api)
        remove(api, person, set_up(api, person).next_code())

        app = set_up(api, person)

        assert finish(api, needed(api, person), app.next_code()).status == 200


def test_emails_say_what_has_changed_and_what_to_do(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    app = set_up(api, person)
    for code in app.recovery_codes[:2]:
        assert finish(api, needed(api, person), code).status == 200
    conn.execute("UPDATE second_factors SET recovery_hashes = recovery_hashes[1:1]")
    assert finish(api, needed(api, person), app.recovery_codes[2]).status == 200
    assert remove(api, person, app.next_code()).status == 204

    texts = [letter.content.text for letter in letters_to(conn, person.email) if letter.content]

    added, first, second, last, removed = texts
    assert "now asks for a code of your app" in added
    assert "9 recovery codes are left." in first
    assert "8 recovery codes are left." in second
    assert "It was the last one." in last
    assert "A log-in asks for no code any more." in removed
    assert all("If it was not you" in text and "Boxoffice" in text for text in texts)


@pytest.mark.parametrize("code", ["", "12345", "x" * 41, None, 123456])
def test_a_code_has_six_characters_at_least(api: Client, code: object) -> None:
    person = sign_up(api)

    assert finish(api, "x", code).status == 422  # type: ignore[arg-type]
    assert remove(api, person, code).status == 422  # type: ignore[arg-type]


def read_picture(svg: str) -> str:
    """Draw an SVG of rectangles, and return what a camera reads in it."""
    (side,) = re.findall(r'width="(\d+)mm"', svg)
    picture = numpy.full((int(side), int(side)), 255, numpy.uint8)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", svg.partition("<path d=")[2]):
        picture[int(y), int(x) : int(x) + int(width)] = 0
    (code,) = zxingcpp.read_barcodes(picture.repeat(4, 0).repeat(4, 1))
    return str(code.text)
