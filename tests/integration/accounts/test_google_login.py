"""GET /v1/sessions/google, GET /v1/sessions/google/callback and POST /v1/sessions/google"""

import base64
import hashlib
import json
import time
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.accounts import oidc
from tests.helpers import audit, factories
from tests.helpers.authenticators import finish
from tests.helpers.google import SECRET, Google, begin, challenge_of, come_back, get_code, log_in, trade
from tests.helpers.google_server import CLIENT_ID, REDIRECT_URI
from tests.helpers.log_watch import LogWatch
from tests.helpers.people import bearer, sign_up
from tests.helpers.rings import KeyRing
from tests.helpers.support import Answer, Client

PAGE = "http://127.0.0.1:3000"
SUBJECT = "110169484474386276334"


def outcome(api: Client, google: Google) -> str:
    """Go through Google. Return why the page gets no code."""
    return come_back(api, google.visit(begin(api)))["google_error"]


def callback(api: Client, **query: str) -> Answer:
    return api.get("/v1/sessions/google/callback", query=query)


class TestStart:
    def test_the_browser_goes_to_google(self, api: Client, google: Google) -> None:
        answer = api.get("/v1/sessions/google", query={"challenge": challenge_of(SECRET)})

        assert (answer.status, answer.body) == (302, b"")
        assert answer.headers["cache-control"] == "no-store"
        address = urlsplit(answer.headers["location"])
        assert f"{address.scheme}://{address.netloc}{address.path}" == f"{google.url}/authorize"
        query = {name: value for name, (value,) in parse_qs(address.query).items()}
        assert {name: query[name] for name in ("client_id", "redirect_uri", "response_type", "scope")} == {
            "client_id": CLIENT_ID,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": "openid email profile",
        }
        assert query["code_challenge_method"] == "S256"
        assert SECRET not in answer.headers["location"]

    def test_state_nonce_and_code_challenge_are_new_each_time(self, api: Client, google: Google) -> None:
        queries = [parse_qs(urlsplit(begin(api)).query) for _ in range(3)]

        for name in ("state", "nonce", "code_challenge"):
            assert len({query[name][0] for query in queries}) == 3

    def test_the_state_tells_neither_nonce_nor_code_verifier(self, api: Client, google: Google) -> None:
        query = parse_qs(urlsplit(begin(api)).query)

        (state,) = query["state"]
        content = base64.urlsafe_b64decode(state.partition(".")[0] + "===")
        assert base64.urlsafe_b64decode(query["nonce"][0] + "=") not in content
        assert len(content) == 16 + 8 + 32 + len("/")

    def test_it_asks_google_for_its_addresses_once_an_hour(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            begin(api)
        assert google.take_requests() == ["GET /.well-known/openid-configuration"]

        clock = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 3601)
        begin(api)

        assert google.take_requests() == ["GET /.well-known/openid-configuration"]

    @pytest.mark.parametrize("mode", ["error", "html", "list", "redirects", "another issuer"])
    def test_while_google_fails_it_is_unavailable(self, api: Client, google: Google, mode: str) -> None:
        google.set_mode(mode)

        answer = api.get("/v1/sessions/google", query={"challenge": challenge_of(SECRET)})

        assert (answer.status, answer.code) == (503, "google_unavailable")
        assert answer.headers["retry-after"] == "5"

    def test_while_google_is_away_it_is_unavailable(self, api: Client) -> None:
        oidc.forget()

        answer = api.get("/v1/sessions/google", query={"challenge": challenge_of(SECRET)})

        assert answer.code == "google_unavailable"

    @pytest.mark.parametrize(
        ("variable", "value"), [("GOOGLE_LOG_IN", "false"), ("PUBLIC_URL", "")], ids=["off", "no pages"]
    )
    def test_a_deployment_may_do_without(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
    ) -> None:
        monkeypatch.setenv(variable, value)
        config.settings.cache_clear()

        answers = [api.get("/v1/sessions/google", query={"challenge": challenge_of(SECRET)}), callback(api, state="x")]

        assert [(answer.status, answer.code) for answer in answers] == [(409, "google_log_in_off")] * 2

    def test_it_is_off_until_the_secret_is_filled_in(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring = KeyRing()  # a secret without the fields
        monkeypatch.setenv("GOOGLE_CLIENT_SECRET", ring.id)
        config.settings.cache_clear()

        answer = api.get("/v1/sessions/google", query={"challenge": challenge_of(SECRET)})

        assert answer.code == "google_log_in_off"

    @pytest.mark.parametrize(
        "return_to",
        [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "\\\\evil.example",
            "/%5cevil.example",
            "/a//evil.example",
            "@evil.example",
            ".evil.example",
            ":80@evil.example",
            "javascript:alert(1)",
            "/a?b=c",
            "/a#b",
            "/a\r\nSet-Cookie: a=b",
            "/ ",
            "/é",
            "",
            "log-in",
            "/" + "a" * 200,
        ],
    )
    def test_nobody_can_be_sent_elsewhere(self, api: Client, google: Google, return_to: str) -> None:
        query = {"challenge": challenge_of(SECRET), "return_to": return_to}

        assert api.get("/v1/sessions/google", query=query).status == 422

    @pytest.mark.parametrize("challenge", ["", "x" * 42, "x" * 44, "x" * 42 + "=", "é" * 43])
    def test_a_challenge_is_a_hash(self, api: Client, google: Google, challenge: str) -> None:
        assert api.get("/v1/sessions/google", query={"challenge": challenge}).status == 422

    def test_it_needs_a_challenge(self, api: Client, google: Google) -> None:
        assert api.get("/v1/sessions/google").status == 422


class TestFinish:
    def test_the_browser_goes_back_to_the_page_with_a_code_in_the_fragment(self, api: Client, google: Google) -> None:
        page = come_back(api, google.visit(begin(api, return_to="/accounts/log-in")))

        assert page["address"] == f"{PAGE}/accounts/log-in"
        assert trade(api, page["google_code"]).status == 200

    def test_google_may_add_parameters(self, api: Client, google: Google) -> None:
        query = google.visit(begin(api)) | {"scope": "openid email", "authuser": "0", "prompt": "none", "hd": "x.org"}

        assert "google_code" in come_back(api, query)

    def test_who_does_not_consent_comes_back_without_a_code(self, api: Client, google: Google) -> None:
        google.set_mode("denies")

        query = google.visit(begin(api))

        assert query["error"] == "access_denied"
        assert come_back(api, query)["google_error"] == "cancelled"

    def test_a_state_that_is_not_ours_leads_nowhere(self, api: Client, google: Google) -> None:
        query = google.visit(begin(api))
        state = query["state"]
        content, _, proof = state.partition(".")
        elsewhere = base64.urlsafe_b64encode(base64.urlsafe_b64decode(content + "===")[:-1] + b"/evil").decode()
        forged = ["", "x", ".", content, f"{content}.", f"{content}.2.{proof[2:]}", f"{elsewhere.rstrip('=')}.{proof}"]

        for each in [*forged, state[:-1], "é" + state, state + "x", state.replace(".1.", ".current.")]:
            answer = callback(api, **{**query, "state": each})
            assert (answer.status, answer.code) == (400, "google_state_over"), each
            assert "location" not in answer.headers

    def test_a_state_lasts_ten_minutes(self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
        query = google.visit(begin(api))
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + 601)

        assert callback(api, **query).code == "google_state_over"

    def test_a_state_outlives_a_rotation_of_our_keys_and_ends_with_its_key(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring = KeyRing()
        monkeypatch.setenv("CODE_KEYS_SECRET", ring.id)
        config.settings.cache_clear()
        first, second = (google.visit(begin(api)) for _ in range(2))
        ring.rotate()
        config.forget_secrets()
        assert "google_code" in come_back(api, first)

        ring.take_out("1")
        config.forget_secrets()
        assert callback(api, **second).code == "google_state_over"

    def test_the_code_of_another_flow_is_refused(self, api: Client, google: Google) -> None:
        """Somebody puts their own code into the address that they let another open: the code verifier differs."""
        theirs, mine = (google.visit(begin(api)) for _ in range(2))

        assert come_back(api, mine | {"code": theirs["code"]})["google_error"] == "refused"

    def test_a_code_that_is_replayed_is_refused(self, api: Client, google: Google, log_watch: LogWatch) -> None:
        query = google.visit(begin(api))

        assert "google_code" in come_back(api, query)
        assert come_back(api, query)["google_error"] == "refused"
        last = json.loads(log_watch.take()[-1])
        assert (last["message"], last["kind"], last["code"]) == ("security event", "log_in", "google_refused")

    def test_refused_codes_are_limited_by_address(self, api: Client, google: Google, conn: Connection) -> None:
        query = google.visit(begin(api)) | {"code": "guessed"}
        assert come_back(api, query)["google_error"] == "refused"
        conn.execute("UPDATE rate_limits SET attempts = 300")

        assert callback(api, **query).status == 429

    FORGERIES: ClassVar[dict[str, dict[str, Any]]] = {
        "another nonce": {"nonce": "another"},
        "no nonce": {"nonce": None},
        "another audience": {"aud": "another.apps.googleusercontent.com"},
        "two audiences": {"aud": [CLIENT_ID, "another.apps.googleusercontent.com"]},
        "no audience": {"aud": None},
        "another authorised party": {"azp": "another.apps.googleusercontent.com"},
        "another issuer": {"iss": "https://accounts.evil.example"},
        "no issuer": {"iss": None},
        "expired": {"exp": int(time.time()) - 60},
        "without end": {"exp": None},
        "issued in the future": {"iat": int(time.time()) + 86_400},
        "no subject": {"sub": None},
        "a subject that is no text": {"sub": 7},
        "no address": {"email": None},
        "no email address": {"email": "ada"},
        "unsigned": {"signature": "none"},
        "HS256 under the public key": {"signature": "public key"},
        "another key": {"signature": "another key"},
        "another algorithm": {"signature": "another algorithm"},
        "an unknown key": {"kid": "key 99"},
        "no token": {"signature": "nonsense"},
    }

    @pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
    def test_a_token_that_is_not_for_us_is_refused(
        self, api: Client, google: Google, conn: Connection, forgery: dict[str, Any]
    ) -> None:
        google.forge(**forgery)

        assert outcome(api, google) == "refused"
        assert conn.execute("SELECT FROM accounts").fetchall() == []

    def test_a_clock_may_differ_by_half_a_minute(self, api: Client, google: Google) -> None:
        google.forge(iat=int(time.time()) + 20, exp=int(time.time()) - 20)

        assert log_in(api, google).status == 200

    def test_the_issuer_may_leave_https_out_as_google_does(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = oidc.Client("https://accounts.google.com", CLIENT_ID, "", REDIRECT_URI)
        assert client.names == ["https://accounts.google.com", "accounts.google.com"]

    @pytest.mark.parametrize("mode", ["error", "html", "list", "redirects", "unknown client"])
    def test_while_google_fails_the_page_is_told(self, api: Client, google: Google, mode: str) -> None:
        query = google.visit(begin(api))
        google.set_mode(mode)

        assert come_back(api, query)["google_error"] == "unavailable"

        google.set_mode("works")
        assert "google_code" in come_back(api, query)  # a reload goes on, since no code was used

    def test_if_google_hangs_the_page_is_told_within_seconds(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(oidc, "TIMEOUT", 0.3)
        query = google.visit(begin(api))
        google.set_mode("hangs")
        started = time.monotonic()

        assert come_back(api, query)["google_error"] == "unavailable"
        assert time.monotonic() - started < 5

    def test_if_google_goes_away_the_page_is_told(self, api: Client, google: Google) -> None:
        query = google.visit(begin(api))
        google.kill()
        try:
            assert come_back(api, query)["google_error"] == "unavailable"
        finally:
            google.start()

    def test_a_new_key_of_google_is_read_and_an_unknown_one_at_most_once_a_minute(
        self, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert log_in(api, google).status == 200
        clock = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: clock() + 61)
        google.rotate()
        google.take_requests()

        assert log_in(api, google).status == 200
        assert google.take_requests().count("GET /certs") == 1

        google.forge(kid="key 99")
        assert [outcome(api, google) for _ in range(3)] == ["refused"] * 3
        assert google.take_requests().count("GET /certs") == 0

    def test_no_transaction_waits_for_google(
        self, api: Client, google: Google, conn: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_transactions = []
        call = oidc._call

        def watched(*arguments: Any) -> Any:
            states = conn.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
            open_transactions.extend(state for (state,) in states if state != "idle")
            return call(*arguments)

        monkeypatch.setattr(oidc, "_call", watched)

        assert log_in(api, google).status == 200
        assert open_transactions == []


class TestTrade:
    def test_a_new_person_gets_an_account_whose_address_is_verified(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        answer = log_in(api, google)

        assert answer.status == 200
        account = api.get("/v1/me", headers=bearer(answer.json["access_token"])).json
        assert (account["email"], account["name"]) == ("ada@gmail.com", "Ada Lovelace")
        assert account["email_verified_at"] is not None
        assert conn.execute("SELECT issuer, subject, account_id::text FROM google_identities").fetchall() == [
            (google.url, SUBJECT, account["id"])
        ]
        assert conn.execute("SELECT password_hash FROM accounts").fetchall() == [(None,)]

    def test_the_same_person_comes_back_to_the_same_account(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        first, second = log_in(api, google), log_in(api, google)

        assert first.json["account"]["id"] == second.json["account"]["id"]
        assert conn.execute("SELECT count(*) FROM accounts").fetchone() == (1,)

    def test_another_address_at_google_changes_nothing(self, api: Client, google: Google, conn: Connection) -> None:
        first = log_in(api, google).json["account"]
        bola = factories.account(conn, email="bola@gmail.com", email_verified_at=factories.NOW)

        google.log_in_as("bola@gmail.com")
        second = log_in(api, google).json["account"]

        assert second == first
        assert second["id"] != str(bola)

    def test_an_account_whose_address_both_have_verified_is_connected_and_told(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        account = factories.account(conn, email="ada@gmail.com", email_verified_at=factories.NOW, name="Ada")

        answer = log_in(api, google)

        assert answer.json["account"]["id"] == str(account)
        assert answer.json["account"]["name"] == "Ada"
        assert conn.execute("SELECT template, recipient FROM outbox").fetchall() == [
            ("google_connected", "ada@gmail.com")
        ]
        actions = [(entry.action, entry.chain, entry.actor) for entry in audit.entries(conn, sessions=True)]
        assert actions == [("connect_google", account, account), ("log_in_with_google", account, account)]
        log_in(api, google)
        assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (1,)

    def test_an_address_that_we_have_not_verified_connects_nothing(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        """Anybody can sign up with an address, and wait until its owner comes by Google."""
        factories.account(conn, email="ada@gmail.com")

        answer = log_in(api, google)

        assert (answer.status, answer.code) == (409, "email_unverified")
        assert conn.execute("SELECT FROM google_identities").fetchall() == []

    @pytest.mark.parametrize(
        ("email", "claims"),
        [
            ("ada@gmail.com", {"email_verified": False}),
            ("ada@gmail.com", {"email_verified": None}),
            ("ada@gmail.com", {"email_verified": "true"}),
            ("ada@example.com", {}),  # Google verified it once, but does not host it
            ("ada@gmail.com.example.com", {}),
            ("ada@notgmail.com", {}),
        ],
    )
    def test_an_address_that_google_does_not_vouch_for_connects_nothing(
        self, api: Client, google: Google, conn: Connection, email: str, claims: dict[str, Any]
    ) -> None:
        factories.account(conn, email=email, email_verified_at=factories.NOW)
        google.log_in_as(email, **claims)

        answer = log_in(api, google)

        assert (answer.status, answer.code) == (409, "google_does_not_vouch")
        assert conn.execute("SELECT FROM google_identities").fetchall() == []

    def test_an_address_of_a_domain_at_google_is_vouched_for(self, api: Client, google: Google) -> None:
        google.log_in_as("Ada@Harbour-Concerts.example.org", hd="harbour-concerts.example.org")

        assert log_in(api, google).json["account"]["email"] == "ada@harbour-concerts.example.org"

    def test_another_google_account_with_the_same_address_does_not_get_in(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        """A company gives an address to the next employee: the address is the same, and the person is not."""
        log_in(api, google)
        google.log_in_as("ada@gmail.com", subject="another")

        answer = log_in(api, google)

        assert (answer.status, answer.code) == (409, "google_account_differs")

    def test_the_secret_of_another_page_opens_nothing(self, api: Client, google: Google, conn: Connection) -> None:
        code = get_code(api, google)

        answer = trade(api, code, secret="another" * 7)

        assert (answer.status, answer.code) == (401, "google_code_over")
        assert conn.execute("SELECT FROM accounts").fetchall() == []
        assert trade(api, code).status == 200

    def test_a_code_works_once(self, api: Client, google: Google) -> None:
        code = get_code(api, google)

        assert trade(api, code).status == 200
        assert trade(api, code).code == "google_code_over"

    def test_a_code_lasts_five_minutes(self, api: Client, google: Google, conn: Connection) -> None:
        code = get_code(api, google)
        conn.execute("UPDATE one_time_tokens SET expires_at = expires_at - interval '5 minutes'")

        assert trade(api, code).code == "google_code_over"

    def test_the_database_holds_nothing_that_opens_a_session(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        code = get_code(api, google)

        stored = str(conn.execute("SELECT * FROM one_time_tokens").fetchall())

        assert code not in stored
        assert SECRET not in stored
        assert hashlib.sha256(SECRET.encode()).hexdigest() in stored

    def test_a_blocked_account_does_not_get_in(self, api: Client, google: Google, conn: Connection) -> None:
        log_in(api, google)
        conn.execute("UPDATE accounts SET blocked_at = now()")

        assert log_in(api, google).code == "wrong_credentials"

    def test_an_account_with_a_second_factor_is_asked_for_it(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        account = log_in(api, google).json["account"]["id"]
        factories.second_factor(conn, UUID(account))
        code = get_code(api, google)

        answer = trade(api, code)

        assert (answer.status, answer.code) == (401, "second_factor_needed")
        assert trade(api, code).code == "google_code_over"  # it was used up: the token goes on from here
        finished = finish(api, answer.json["second_factor_token"], factories.RECOVERY_CODE)
        assert finished.json["account"]["id"] == account

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("Ada 🎟️ آدا ආදා", "Ada 🎟️ آدا ආදා"),
            ("  Ada  ", "Ada"),
            (None, "ada"),
            ("", "ada"),
            ("\u200b\u200b", "ada"),
            ("Ada\nBcc: all@example.com", "Ada Bcc: all@example.com"),  # one line, so no header
            ("x" * 201, "ada"),
            (7, "ada"),
        ],
    )
    def test_a_name_that_we_would_not_take_is_not_taken_from_google(
        self, api: Client, google: Google, name: object, shown: str
    ) -> None:
        google.log_in_as("ada@gmail.com", name=name)

        assert log_in(api, google).json["account"]["name"] == shown

    def test_the_device_has_its_name(self, api: Client, google: Google) -> None:
        body = {"code": get_code(api, google), "secret": SECRET, "device_name": "Ada's tablet"}
        token = api.post("/v1/sessions/google", body).json["access_token"]

        assert api.get("/v1/sessions", headers=bearer(token)).json["items"][0]["device"] == "Ada's tablet"

    @pytest.mark.parametrize("secret", ["", "x" * 42, "x" * 129, "two words" * 5, None])
    def test_a_secret_is_long(self, api: Client, google: Google, secret: object) -> None:
        assert api.post("/v1/sessions/google", {"code": "x", "secret": secret}).status == 422

    def test_the_address_of_an_account_with_a_password_still_logs_in_with_it(
        self, api: Client, google: Google, conn: Connection
    ) -> None:
        person = sign_up(api, email="ada@gmail.com")
        conn.execute("UPDATE accounts SET email_verified_at = now()")
        assert log_in(api, google).json["account"]["id"] == str(person.id)

        assert api.post("/v1/sessions", {"email": "ada@gmail.com", "password": "correct horse battery"}).status == 200
