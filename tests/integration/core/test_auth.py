"""Access tokens and guest tokens: which are valid, and which are refused."""

import base64
import json
import time
from typing import Any, get_args
from uuid import UUID, uuid4

import jwt
import pytest
from psycopg import Connection

from boxoffice import access_tokens, auth, config, guest_tokens
from tests.helpers import factories
from tests.helpers.people import bearer
from tests.helpers.rings import KeyRing
from tests.helpers.support import Client


def payload_of(account: UUID, **overrides: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"sub": str(account), "sid": str(account), "aud": "boxoffice", "iat": now, "exp": now + 900, **overrides}


def token_of(account: UUID) -> str:
    """Return an access token of the session that `factories.account` has opened."""
    return access_tokens.issue_access_token(account, account)


def signed(payload: dict[str, Any], key: str, *, algorithm: str = "HS256", **headers: Any) -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def segment(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def status(api: Client, token: str) -> int:
    return api.get("/v1/me", headers=bearer(token)).status


@pytest.fixture
def ring(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> KeyRing:
    """Return a key ring of the test's own, which signs access tokens."""
    ring = KeyRing()
    monkeypatch.setenv("TOKEN_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    return ring


def test_an_access_token_identifies_its_account(ring: KeyRing, api: Client, conn: Connection) -> None:
    account = factories.account(conn)

    token = token_of(account)

    assert api.get("/v1/me", headers=bearer(token)).json["id"] == str(account)
    assert api.get("/v1/me", headers={"authorization": f"bearer {token}"}).status == 200


def test_an_access_token_lasts_a_quarter_of_an_hour(ring: KeyRing, api: Client, conn: Connection) -> None:
    token = token_of(factories.account(conn))

    payload = jwt.decode(token, options={"verify_signature": False})

    assert payload["exp"] - payload["iat"] == 900


def test_tokens_of_every_key_of_the_ring_are_valid(ring: KeyRing, api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    old = token_of(account)
    ring.rotate()
    config.forget_secrets()
    new = token_of(account)

    assert [jwt.get_unverified_header(token)["kid"] for token in (old, new)] == ["1", "2"]
    assert [status(api, token) for token in (old, new)] == [200, 200]


def test_an_environment_with_an_old_key_ring_takes_new_tokens(
    ring: KeyRing, api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = factories.account(conn)
    token_of(account)  # now the environment has cached the key ring
    ring.rotate()
    new = signed(payload_of(account), ring.keys["2"], kid="2")
    clock = time.monotonic

    monkeypatch.setattr(
        time, "monotonic", lambda: clock() + 11
    )  # a key ring is read again after ten seconds at the earliest

    assert status(api, new) == 200


def test_a_withdrawn_key_ends_its_tokens(ring: KeyRing, api: Client, conn: Connection) -> None:
    old = token_of(factories.account(conn))
    ring.rotate()
    ring.take_out("1")
    config.forget_secrets()

    assert status(api, old) == 401


def test_forged_tokens_are_refused(ring: KeyRing, api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    key = ring.keys["1"]
    good = signed(payload_of(account), key, kid="1")
    header, payload, signature = good.split(".")
    now = int(time.time())
    forged = {
        "another key": signed(payload_of(account), key + "x", kid="1"),
        "an unknown key": signed(payload_of(account), key, kid="9"),
        "no key id": signed(payload_of(account), key),
        "a field of the ring that is no key": signed(payload_of(account), "1" * 32, kid="current"),
        "a key id that is a path": signed(payload_of(account), "x" * 32, kid="/dev/null"),
        "no algorithm": f"{segment({'alg': 'none', 'kid': '1'})}.{payload}.",
        "no algorithm in capitals": f"{segment({'alg': 'NONE', 'kid': '1'})}.{payload}.{signature}",
        "another algorithm": signed(payload_of(account), key, algorithm="HS512", kid="1"),
        "another account": f"{header}.{segment(payload_of(uuid4()))}.{signature}",
        "no signature": f"{header}.{payload}.",
        "half a signature": good[:-20],
        "another audience": signed(payload_of(account, aud="elsewhere"), key, kid="1"),
        "no audience": signed({k: v for k, v in payload_of(account).items() if k != "aud"}, key, kid="1"),
        "expired": signed(payload_of(account, exp=now - 1), key, kid="1"),
        "never expires": signed({k: v for k, v in payload_of(account).items() if k != "exp"}, key, kid="1"),
        "issued in the future": signed(payload_of(account, iat=now + 3600), key, kid="1"),
        "no session": signed({k: v for k, v in payload_of(account).items() if k != "sid"}, key, kid="1"),
        "no account": signed(payload_of(account, sub="everyone"), key, kid="1"),
        "no token": "x",
        "nothing": "",
        "not ASCII": "\u00e9.\u00e9.\u00e9",
        "too many parts": f"{good}.{signature}",
    }

    assert status(api, good) == 200
    assert {how: status(api, token) for how, token in forged.items()} == dict.fromkeys(forged, 401)


def test_other_schemes_are_refused(ring: KeyRing, api: Client, conn: Connection) -> None:
    token = token_of(factories.account(conn))

    for authorization in [f"Basic {token}", token, f"Token {token}", f"Bearer  {token}", "Bearer", ""]:
        assert api.get("/v1/me", headers={"authorization": authorization}).status == 401, authorization


def test_a_public_route_refuses_a_wrong_token_too(ring: KeyRing, api: Client, conn: Connection) -> None:
    answer = api.post(
        "/v1/orders", factories.order_request(factories.ticket_type(conn)), key="new", headers=bearer("x")
    )

    assert answer.status == 401


def test_the_caller_is_identified_before_the_request_is_read(ring: KeyRing, api: Client) -> None:
    answer = api.patch("/v1/me", "{not json", headers=bearer("x"))

    assert (answer.status, answer.code) == (401, "unauthenticated")


def test_the_api_is_busy_while_the_keys_cannot_be_read(
    ring: KeyRing, api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(factories.account(conn))
    config.forget_secrets()
    monkeypatch.setenv("TOKEN_KEYS_SECRET", "no-such-secret")
    config.settings.cache_clear()

    answer = api.get("/v1/me", headers=bearer(token))

    assert (answer.status, answer.code) == (503, "busy")


def test_roles_include_the_lower_ones() -> None:
    assert auth.covers(auth.Who.OWNER, auth.Who.SCANNER)
    assert auth.covers(auth.Who.MANAGER, auth.Who.MANAGER)
    assert not auth.covers(auth.Who.SCANNER, auth.Who.MANAGER)


def test_a_guest_token_serves_one_kind_of_thing(api: Client) -> None:
    """All three have one id, so only the kind makes the tokens differ."""
    shared = uuid4()
    tokens = {
        "order": guest_tokens.order_token(shared),
        "ticket": guest_tokens.ticket_token(shared, 0),
        "waitlist entry": guest_tokens.waitlist_token(shared),
    }

    for kind, token in tokens.items():
        served = [
            each
            for each in get_args(guest_tokens.GuestResource.__value__)
            if guest_tokens.is_guest_token(token, each, shared)
        ]
        assert served == [kind]


def test_a_transfer_ends_the_token_of_a_ticket(api: Client) -> None:
    ticket = uuid4()
    before = guest_tokens.ticket_token(ticket, 1)

    assert guest_tokens.is_guest_token(before, "ticket", ticket, 1)
    assert not guest_tokens.is_guest_token(before, "ticket", ticket, 2)
