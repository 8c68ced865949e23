"""Every operation of the OpenAPI document admits the callers that it declares, and nobody else.

Each call is valid in every other respect, so that only the authorisation can refuse it.
"""

import time
import uuid
from typing import Any

import jwt
import psycopg
import pytest

from boxoffice.auth import Who, order_token
from boxoffice.config import settings
from boxoffice.signing import current_key
from tests.helpers.operations import (
    ENTITLED,
    NOBODY,
    Call,
    Caller,
    Operation,
    World,
    build,
    call_of,
    operations,
    perform,
)
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def refused(operation: Operation, call: Call, world: World) -> dict[str, tuple[Caller, int]]:
    """Return the callers that an operation must refuse, each with the status."""
    strangers = {"stranger": (Caller(world.stranger), 404), "rival": (Caller(world.rival), 404)}
    scanner, manager, owner = (Caller(account) for account in (world.scanner, world.manager, world.owner))
    match operation.who:
        case Who.PUBLIC:
            return {}
        case Who.PROVIDER:
            return {"unsigned": (NOBODY, 401), "admin": (Caller(world.admin), 401)}
        case Who.GUEST:
            guests = {"another guest": (Caller(token=order_token(world.foreign_order)), 404)}
            return {"nobody": (NOBODY, 401), "scanner": (scanner, 403), **strangers, **guests}
        case Who.ACCOUNT:
            return {"nobody": (NOBODY, 401), "guest": (Caller(token=order_token(world.order)), 401)}
        case Who.SCANNER:
            lower = {}
        case Who.MANAGER:
            lower = {"scanner": (scanner, 403)}
        case Who.OWNER:
            lower = {"scanner": (scanner, 403), "manager": (manager, 403)}
        case Who.ADMIN:
            strangers = {"stranger": (Caller(world.stranger), 403), "owner": (owner, 403)}
            lower = {}
    return {"nobody": (NOBODY, 401), "guest": (Caller(token=order_token(world.order)), 401), **strangers, **lower}


def test_every_route_declares_who_may_call_it() -> None:
    assert {name: operation.who for name, operation in operations().items() if operation.who not in set(Who)} == {}


def test_callers_who_are_not_entitled_are_refused_and_change_nothing(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for who, (caller, status) in refused(operation, call, world).items():
                with subtests.test(operation=name, caller=who):
                    answer = perform(api, operation, call, caller)
                    assert answer.status == status, answer.body


def test_callers_who_are_entitled_get_through(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name, operation in operations().items():
        for who, caller_of in ENTITLED[operation.who].items():
            world = build(conn)  # a new one each time, since many calls can be made only once
            call = call_of(name, world)
            with subtests.test(operation=name, caller=who):
                answer = perform(api, operation, call, caller_of(world, call))
                assert answer.status < 300, answer.body


def test_a_stranger_sees_no_ids_of_private_rows(world: World, api: Client, subtests: pytest.Subtests) -> None:
    private = [
        world.buyer,
        world.manager,
        world.draft,
        world.unsold_ticket_type,
        world.order,
        world.paid_order,
        world.ticket.id,
    ]
    for name, operation in operations().items():
        if operation.method == "GET" and operation.who in {Who.PUBLIC, Who.ACCOUNT}:
            with subtests.test(operation=name):
                answer = perform(api, operation, call_of(name, world), Caller(world.stranger))
                assert answer.status == 200
                assert [each for each in private if str(each) in answer.body.decode(errors="replace")] == []


def test_a_wrong_access_token_is_refused_everywhere(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            for what, credential in wrong_credentials(world).items():
                with subtests.test(operation=name, credential=what):
                    answer = perform(api, operation, call_of(name, world), NOBODY, authorization=credential)
                    assert answer.status == 401, answer.body
                    assert operation.who == Who.PROVIDER or answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_guest_token_is_refused(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for wrong in wrong_tokens(call.token) if call.token else []:
                with subtests.test(operation=name, token=wrong):
                    answer = perform(api, operation, call, NOBODY, x_order_token=wrong)
                    assert answer.status == 404, answer.body


def wrong_tokens(token: str) -> list[str]:
    """Return wrong tokens that resemble a valid one."""
    signature = token.removeprefix("1.")
    return ["", "1", "1.", token[:-1], token + "A", signature, f"2.{signature}", f"current.{signature}"]


def wrong_credentials(world: World) -> dict[str, str]:
    """Authorization headers that look like the owner's, each with one thing wrong."""
    key_id, key = current_key(settings().token_keys_secret)
    now = int(time.time())
    claims = {"sub": str(world.owner), "sid": str(uuid.uuid4()), "aud": "boxoffice", "iat": now, "exp": now + 900}

    def signed(*, secret: bytes | str = key, algorithm: str = "HS256", kid: str = key_id, **others: Any) -> str:
        return jwt.encode({**claims, **others}, secret, algorithm=algorithm, headers={"kid": kid})

    return {
        "no token": "Bearer",
        "not a token": "Bearer abc.def.ghi",
        "another scheme": f"Basic {signed()}",
        "expired": f"Bearer {signed(exp=now - 1)}",
        "another key": f"Bearer {signed(secret=b'a key that is long enough but is not ours')}",
        "an unknown key": f"Bearer {signed(kid='9')}",
        "the name of a key": f"Bearer {signed(kid='current')}",
        "unsigned": f"Bearer {signed(secret='', algorithm='none')}",
        "another algorithm": f"Bearer {signed(algorithm='HS384')}",
        "another audience": f"Bearer {signed(aud='somewhere')}",
        "no account": f"Bearer {signed(sub='everyone')}",
        "without end": f"Bearer {jwt.encode({**claims, 'exp': None}, key, headers={'kid': key_id})}",
    }
