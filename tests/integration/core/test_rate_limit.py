"""Rate limits, counted in the database."""

from datetime import timedelta

import pytest
from psycopg import Connection

from boxoffice import config, db
from boxoffice.rate_limit import SQL
from tests.helpers.people import PASSWORD, Person, sign_up
from tests.helpers.racing import race
from tests.helpers.rings import KeyRing
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client, Database

QUARTER = timedelta(minutes=15)


def count(conn: Connection, *buckets: str) -> list[int]:
    counted = db.many(conn, dict, SQL.count_attempts, buckets=list(buckets), windows=[QUARTER] * len(buckets))
    return [bucket["attempts"] for bucket in counted]


def test_each_attempt_counts_in_each_bucket(conn: Connection) -> None:
    assert count(conn, "a") == [1]
    assert count(conn, "a", "b") == [2, 1]
    assert count(conn, "b") == [2]
    assert count(conn, "b", "b") == [4]


def test_a_window_begins_with_its_first_attempt_and_does_not_move(conn: Connection) -> None:
    count(conn, "a")
    (first,) = conn.execute("SELECT resets_at FROM rate_limits").fetchone() or (None,)
    count(conn, "a")

    assert conn.execute("SELECT resets_at FROM rate_limits").fetchone() == (first,)


def test_a_bucket_whose_window_is_over_starts_again(conn: Connection) -> None:
    for _ in range(3):
        count(conn, "a")
    conn.execute("UPDATE rate_limits SET resets_at = now() - interval '1 second'")

    assert count(conn, "a") == [1]
    assert conn.execute("SELECT resets_at > now() + interval '14 minutes' FROM rate_limits").fetchone() == (True,)


def test_of_many_attempts_at_once_each_counts(database: Database, conn: Connection) -> None:
    counted = race(database, 10, lambda racer, number: count(racer, "a", f"b{number % 2}"))

    assert sorted(attempts for attempts, _ in counted) == list(range(1, 11))
    assert count(conn, "b0", "b1") == [6, 6]


def test_the_headers_are_those_of_the_bucket_with_the_fewest_attempts_left(api: Client) -> None:
    body = {"email": "ada@example.com", "password": "wrong"}
    for number in range(3):
        api.post("/v1/sessions", body, address=f"192.0.2.{number}")

    answer = api.post("/v1/sessions", body, address="192.0.2.100")

    assert answer.headers["ratelimit-remaining"] == "6"
    assert 86_000 < int(answer.headers["ratelimit-reset"]) <= 86_400


def test_a_refused_request_does_nothing_else(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    for number in range(10):
        api.post("/v1/sessions", {"email": person.email, "password": "wrong"}, address=f"192.0.2.{number}")

    body = {"email": person.email, "password": PASSWORD}
    with unchanged(conn):
        answer = api.post("/v1/sessions", body, address="192.0.2.100")

    assert (answer.status, answer.code) == (429, "too_many_requests")


def test_all_spellings_of_a_mailbox_count_as_one(api: Client) -> None:
    spellings = ["ada@gmail.com", "a.d.a@gmail.com", "ADA+1@gmail.com", "ada+2@googlemail.com", "ada+@gmail.com"]
    person = sign_up(api)

    def change_to(email: str, caller: Person) -> int:
        body = {"email": email, "current_password": PASSWORD}
        return api.put("/v1/me/email", body, headers=caller.headers).status

    assert [change_to(email, sign_up(api)) for email in spellings * 2] == [202] * 10
    assert change_to("ada+3@gmail.com", person) == 429
    assert change_to("a.da@example.com", person) == 202


def test_behind_our_cdn_the_address_of_the_viewer_counts(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing()
    monkeypatch.setenv("EDGE_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    body = {"email": "ada@example.com", "password": "wrong"}

    for presented in (ring.keys["1"], "guess"):
        headers = {"X-Edge-Secret": presented, "CloudFront-Viewer-Address": "2001:db8:1:2:3:4:5:6:46532"}
        assert api.post("/v1/sessions", body, headers=headers, address="203.0.113.7").status == 401

    counted = conn.execute("SELECT bucket FROM rate_limits WHERE bucket LIKE 'password address%' ORDER BY bucket")
    assert [bucket.rpartition(" ")[2] for (bucket,) in counted.fetchall()] == ["2001:db8:1:2::/64", "203.0.113.7"]
