"""POST /v1/sessions/refresh"""

from datetime import timedelta

from psycopg import Connection

from tests.helpers.audit import entries, only_entry
from tests.helpers.people import bearer, can_refresh, log_in, sign_up
from tests.helpers.support import Answer, Client


def refresh(api: Client, token: str) -> Answer:
    return api.post("/v1/sessions/refresh", {"refresh_token": token})


def test_the_answer_has_the_next_pair_of_tokens(api: Client) -> None:
    person = sign_up(api)

    answer = refresh(api, person.refresh_token)

    assert answer.status == 200
    assert answer.json["account"]["id"] == str(person.id)
    assert answer.json["refresh_token"] != person.refresh_token
    assert api.get("/v1/me", headers=bearer(answer.json["access_token"])).status == 200
    assert refresh(api, answer.json["refresh_token"]).status == 200


def test_a_reused_token_ends_its_session(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    other_session = log_in(api, person)
    second = refresh(api, person.refresh_token).json["refresh_token"]
    third = refresh(api, second).json["refresh_token"]

    stolen = refresh(api, person.refresh_token)

    assert (stolen.status, stolen.code) == (401, "session_over")
    assert refresh(api, third).status == 401
    assert can_refresh(api, other_session)
    (session,) = conn.execute("SELECT id FROM sessions WHERE revoked_at IS NOT NULL").fetchone() or (None,)
    entry = only_entry(conn)
    assert (entry.action, entry.actor) == ("refresh_session", person.id)
    assert entry.details == {"reused_token_of_session": str(session)}


def test_a_reused_token_is_noted_once(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    refresh(api, person.refresh_token)

    assert [refresh(api, person.refresh_token).status for _ in range(3)] == [401] * 3
    assert only_entry(conn).action == "refresh_session"


def test_each_token_lasts_seven_days_from_its_own_issue(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    lifetime = "SELECT max(expires_at) - now() BETWEEN interval '167 hours 59 min' AND interval '168 hours'"
    conn.execute("UPDATE refresh_tokens SET expires_at = now() + interval '1 minute'")

    answer = refresh(api, person.refresh_token)

    assert conn.execute(f"{lifetime} FROM refresh_tokens").fetchone() == (True,)
    conn.execute("UPDATE refresh_tokens SET expires_at = now()")
    assert refresh(api, answer.json["refresh_token"]).status == 401


def test_a_session_lasts_90_days_and_no_longer(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    conn.execute("UPDATE sessions SET created_at = now() - interval '90 days' + interval '1 minute'")

    answer = refresh(api, person.refresh_token)

    assert answer.status == 200
    left = conn.execute("SELECT expires_at - now() FROM refresh_tokens WHERE used_at IS NULL").fetchone()
    assert left is not None
    assert left[0] <= timedelta(minutes=1)
    conn.execute("UPDATE sessions SET created_at = now() - interval '90 days'")
    assert api.get("/v1/sessions", headers=bearer(answer.json["access_token"])).json["items"] == []


def test_an_expired_token_is_refused_and_does_not_end_the_session(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    conn.execute("UPDATE refresh_tokens SET expires_at = now()")

    assert not can_refresh(api, person)
    assert conn.execute("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").fetchone() == (1,)
    assert entries(conn) == []


def test_an_unknown_token_is_refused(api: Client) -> None:
    for token in ["", "unknown", "\u00e9", "' OR true --", "\0"]:
        assert refresh(api, token).status == 401, token


def test_an_access_token_is_refused(api: Client) -> None:
    person = sign_up(api)

    assert refresh(api, person.access_token).status in (401, 422)


OTHER_BODIES = [{}, {"refresh_token": None}, {"refresh_token": "x" * 101}, {"refresh_token": "\ud800"}]


def test_invalid_bodies_are_refused(api: Client) -> None:
    for body in OTHER_BODIES:
        assert api.post("/v1/sessions/refresh", body).status == 422, body


def test_an_expired_access_token_in_the_header_is_refused_here_too(api: Client) -> None:
    person = sign_up(api)

    answer = api.post("/v1/sessions/refresh", {"refresh_token": person.refresh_token}, headers=bearer("x.y.z"))

    assert (answer.status, answer.code) == (401, "unauthenticated")


def test_a_session_is_refreshed_thirty_times_in_a_quarter_of_an_hour(api: Client, conn: Connection) -> None:
    """A client needs one. Each stores a row."""
    token = sign_up(api).refresh_token
    for _ in range(30):
        answer = refresh(api, token)
        assert answer.status == 200
        token = answer.json["refresh_token"]

    refused = refresh(api, token)

    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert conn.execute("SELECT count(*) FROM refresh_tokens").fetchone() == (31,)
    assert refresh(api, sign_up(api).refresh_token).status == 200, "an office shares one address"
    conn.execute("UPDATE rate_limits SET resets_at = now()")
    assert refresh(api, token).status == 200, "a refusal uses no token up"


def test_wrong_tokens_are_limited_for_an_address(api: Client, conn: Connection) -> None:
    assert refresh(api, "guessed").status == 401
    assert conn.execute("UPDATE rate_limits SET attempts = 299 RETURNING bucket").fetchall() == [
        ("refresh address 203.0.113.7",)
    ]
    assert [refresh(api, "guessed").status for _ in range(2)] == [401, 429]


def test_a_neighbours_wrong_tokens_end_nobodys_session(api: Client, conn: Connection) -> None:
    """A whole venue shares an address, and nobody can guess a token."""
    token = sign_up(api).refresh_token
    refresh(api, "guessed")
    conn.execute("UPDATE rate_limits SET attempts = 1000 WHERE bucket LIKE 'refresh address%'")

    answer = refresh(api, token)

    assert answer.status == 200
    assert refresh(api, "guessed").status == 429
    assert refresh(api, answer.json["refresh_token"]).status == 200
