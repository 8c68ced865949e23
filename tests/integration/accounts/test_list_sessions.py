"""GET /v1/sessions"""

import pytest
from psycopg import Connection

from boxoffice.accounts.devices import device_of
from tests.helpers import factories
from tests.helpers.people import log_in, sign_up
from tests.helpers.support import Client

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36"
)


def test_it_lists_the_open_sessions_the_newest_first(api: Client) -> None:
    laptop = sign_up(api)
    login = {"email": laptop.email, "password": "correct horse battery", "device_name": "  Ada's phone  "}
    phone = api.post("/v1/sessions", login, address="192.0.2.7", headers={"User-Agent": CHROME}).json["access_token"]

    answer = api.get("/v1/sessions", headers={"authorization": f"Bearer {phone}"})

    assert answer.status == 200
    newest, oldest = answer.json["items"]
    assert (newest["device"], newest["address"], newest["current"]) == ("Ada's phone", "192.0.2.7", True)
    assert (oldest["device"], oldest["current"]) == ("Unknown device", False)
    assert set(newest) == {"id", "device", "address", "created_at", "last_used_at", "current"}
    assert answer.json["next_cursor"] is None


def test_a_refresh_says_where_and_when_a_session_was_used_last(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    conn.execute("UPDATE sessions SET created_at = now() - interval '1 day', last_used_at = now() - interval '1 day'")

    body = {"refresh_token": person.refresh_token}
    api.post("/v1/sessions/refresh", body, address="192.0.2.8", headers={"User-Agent": FIREFOX})

    (session,) = api.get("/v1/sessions", headers=person.headers).json["items"]
    assert (session["device"], session["address"]) == ("Firefox on Linux", "192.0.2.8")
    assert session["created_at"] < session["last_used_at"]


def test_sessions_that_are_over_are_left_out(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    revoked, unused = log_in(api, person), log_in(api, person)
    api.delete("/v1/sessions/current", headers=revoked.headers)
    ids = [session["id"] for session in api.get("/v1/sessions", headers=person.headers).json["items"]]
    conn.execute("UPDATE sessions SET last_used_at = now() - interval '7 days' WHERE id = %s", [ids[0]])

    (left,) = api.get("/v1/sessions", headers=person.headers).json["items"]

    assert left["current"]
    assert api.post("/v1/sessions/refresh", {"refresh_token": unused.refresh_token}).status == 200  # by its own date


def test_a_page_leads_to_the_next(api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    others = [factories.another_session(conn, account) for _ in range(4)]

    first = api.get("/v1/sessions", account=account, query={"limit": 3}).json
    second = api.get("/v1/sessions", account=account, query={"limit": 3, "cursor": first["next_cursor"]}).json

    shown = [session["id"] for session in [*first["items"], *second["items"]]]
    assert shown == [str(each) for each in [*reversed(others), account]]
    assert second["next_cursor"] is None


def test_the_sessions_of_others_are_not_shown(api: Client, conn: Connection) -> None:
    mine, theirs = factories.account(conn), factories.account(conn)

    assert [each["id"] for each in api.get("/v1/sessions", account=mine).json["items"]] == [str(mine)]
    assert str(mine) not in api.get("/v1/sessions", account=theirs).body.decode()


def test_only_accounts_have_sessions(api: Client) -> None:
    assert api.get("/v1/sessions").status == 401


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome Mobile on Android"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \N{GRINNING FACE}", "Unknown device"),
        ("(" * 300, "Unknown device"),
    ],
)
def test_a_device_is_named_by_its_browser_and_system(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


def test_a_long_user_agent_is_cut(api: Client, conn: Connection) -> None:
    person = sign_up(api)

    api.post("/v1/sessions/refresh", {"refresh_token": person.refresh_token}, headers={"User-Agent": "x" * 5000})

    assert conn.execute("SELECT length(user_agent) FROM sessions").fetchall() == [(300,)]


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "\n", "\0"])
def test_a_device_name_is_one_short_line(api: Client, name: str) -> None:
    body = {"email": "ada@example.com", "password": "correct horse battery", "device_name": name}

    assert api.post("/v1/sessions", body).status == 422


@pytest.mark.parametrize(
    "name", ["گوشی آدا", "ආදාගේ දුරකථනය", "📱 Handy", "Donaudampfschifffahrtsgesellschaftskapitänsrechner"]
)
def test_a_device_has_a_name_in_any_language(api: Client, name: str) -> None:
    person = sign_up(api)
    answer = api.post("/v1/sessions", {"email": person.email, "password": "correct horse battery", "device_name": name})

    sessions = api.get("/v1/sessions", headers={"authorization": f"Bearer {answer.json['access_token']}"}).json["items"]

    assert sessions[0]["device"] == name
