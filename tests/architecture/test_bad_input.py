"""Whatever is wrong with a body is answered with the right problem document, and changes nothing.

Each body goes to every operation that takes one, from a caller who is entitled to it.
"""

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args

import psycopg
import pytest

from boxoffice.api import MAX_BODY
from boxoffice.auth import Who
from boxoffice.provider_names import StartableProvider
from tests.helpers.operations import ENTITLED, Operation, World, build, call_of, operations, perform
from tests.helpers.payers import INFOS
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client

# What pydantic says by itself, and regular expressions.
WORDS_OF_PYDANTIC = re.compile(
    r"Input|Field|Value|validation|valid (?:string|integer|list|dict)|pattern|dictionary|[$^\\]|\[A-Z"
)
UNREADABLE = {
    "empty": b"",
    "cut off": b'{"items": [',
    "two documents": b"{} {}",
    "not JSON": b"items=1&quantity=2",
    "single quotes": b"{'items': []}",
    "not UTF-8": b'{"name": "\xff\xfe\xfa"}',
    "NaN": b'{"price": NaN}',
    "infinite": b'{"price": -Infinity}',
    "a number of 5,000 digits": b'{"price": ' + b"9" * 5000 + b"}",
    "nested 100,000 deep": b"[" * 100_000,
    "objects nested 20,000 deep": b'{"a":' * 20_000,
}
NOT_OBJECTS = {"null": b"null", "a list": b"[]", "a text": b'"text"', "a number": b"1", "nothing in it": b"{}"}
NOT_TEXTS = {
    "a lone surrogate": "Bola \ud800",
    "a list": ["Bola"],
    "an object": {"$ne": ""},
    "a number": 7,
    "a boolean": True,
    "a text of 50,000 characters": "B" * 50_000,
}
NOT_ADDRESSES = {  # SES delivers to none of them
    "an address that is not ASCII": "jörg@example.com",
    "a quoted address": '"ada obi"@example.com',
    "an address without a domain": "ada@[192.0.2.1]",
    "an address that ends with a dot": "ada@example.com.",
}
# Real providers add fields to their events. The events of the generic one follow our own definition.
DEFINED_BY_PROVIDERS = {
    f"receive_{info.name}_webhook"
    for info in INFOS
    if info.takes_real_money and info.name in get_args(StartableProvider.__value__)
}
OPAQUE = {"password", "current_password", "new_password", "refresh_token", "qr"}  # only compared, never shown
# An account without a password, a view without a source, and whoever wants the default of each setting. Every PATCH may
# change nothing.
NEEDS_NO_FIELD = {"record_view", "start_second_factor", "update_settings", "rotate_webhook_secret"}
NOT_NUMBERS = {
    "huge": 10**30,
    "beyond 64 bits": 2**63,
    "negative": -1,
    "a fraction": 1.5,
    "a text": "1",
    "a boolean": True,
    "a list": [1],
    "nothing": None,
}
# The field whose items are judged one by one: a wrong one has a result of its own (tests of sync_scans).
TOLD_SINGLY = {"sync_scans": "scans"}
NOT_BOOLEANS = {"one": 1, "zero": 0, "yes": "yes", "a text": "true", "a list": [True]}


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def taking_bodies() -> list[Operation]:
    """Return the operations that take a body."""
    return [operation for operation in operations().values() if operation.takes_body]


def post(api: Client, world: World, operation: Operation, body: bytes, **headers: str) -> Answer:
    """Send a body, as a caller whom the operation admits."""
    call = call_of(operation.name, world)
    caller_of = next(iter(ENTITLED[operation.who].values()))
    return perform(api, operation, call, caller_of(world, call), body=body, **headers)


def check_problem(answer: Answer, status: int, code: str) -> None:
    """Check that an answer is a problem document (RFC 9457) with a status and a code."""
    assert (answer.status, answer.code) == (status, code), answer.body[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["type"] == f"urn:boxoffice:problem:{code}"
    assert answer.json["request_id"]
    assert answer.json["title"]
    assert answer.json["detail"]
    if code == "invalid":
        errors = answer.json["errors"]
        assert all(error["loc"] and error["msg"] and error["type"] for error in errors)
        assert errors[0]["msg"] in answer.json["detail"]
        assert [error["msg"] for error in errors if WORDS_OF_PYDANTIC.search(error["msg"])] == []


def test_a_body_that_cannot_be_read_is_malformed(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in taking_bodies():
            for what, body in UNREADABLE.items():
                with subtests.test(operation=operation.name, body=what):
                    check_problem(post(api, world, operation, body), 400, "malformed")


def test_a_body_that_is_not_an_object_is_invalid(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in taking_bodies():
            for what, body in NOT_OBJECTS.items():
                if body == b"{}" and (operation.method == "PATCH" or operation.name in NEEDS_NO_FIELD):
                    continue
                with subtests.test(operation=operation.name, body=what):
                    check_problem(post(api, world, operation, body), 422, "invalid")


def test_a_list_of_one_valid_body_is_invalid(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in taking_bodies():
            with subtests.test(operation=operation.name):
                body = json.dumps([call_of(operation.name, world).body]).encode()
                check_problem(post(api, world, operation, body), 422, "invalid")


def test_bodies_that_are_not_json_are_not_supported(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in taking_bodies():
            body = json.dumps(call_of(operation.name, world).body).encode()
            for content_type in (
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data",
                "application/xml",
            ):
                with subtests.test(operation=operation.name, content_type=content_type):
                    answer = post(api, world, operation, body, content_type=content_type)
                    check_problem(answer, 415, "unsupported_media_type")


def test_a_body_of_any_size_is_answered(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in taking_bodies():
            with subtests.test(operation=operation.name):
                check_problem(post(api, world, operation, b" " * (MAX_BODY + 1)), 413, "too_large")
        as_large_as_lambda_takes = b"[" * (6 * 2**20)
        check_problem(post(api, world, operation, as_large_as_lambda_takes), 413, "too_large")


def test_a_field_that_is_unknown_or_wrong_is_invalid(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in taking_bodies():
            valid = call_of(operation.name, world).body
            for what, body in spoilt(valid, leave_out=TOLD_SINGLY.get(operation.name)):
                with subtests.test(operation=operation.name, body=what):
                    answer = post(api, world, operation, json.dumps(body).encode())
                    check_problem(answer, 422, "invalid")


def test_a_body_that_a_provider_has_signed_is_checked_too(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for operation in operations().values():
            if operation.who == Who.PROVIDER:
                wrong = {**UNREADABLE, **NOT_OBJECTS}
                if operation.name not in DEFINED_BY_PROVIDERS:
                    wrong |= {
                        what: json.dumps(body).encode() for what, body in spoilt(call_of(operation.name, world).body)
                    }
                for what, body in wrong.items():
                    with subtests.test(operation=operation.name, body=what):
                        check_problem(post(api, world, operation, body), 400, "malformed")
                check_problem(post(api, world, operation, b" " * (MAX_BODY + 1)), 413, "too_large")


def spoilt(valid: Any, *, leave_out: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yield copies of a valid body, each with one wrong value, and what is wrong.

    Args:
        leave_out: a field whose items stay as they are.
    """
    for path in places(valid):
        if leave_out in path[:1] and len(path) > 1:
            continue
        value = at(valid, path)
        if isinstance(value, dict):
            yield f"{path} with a field more", replaced(valid, (*path, "surprise"), 1)
        for what, instead in _wrong_values(value).items():
            if what == "a lone surrogate" and path[-1] in OPAQUE:
                continue
            yield f"{what} as {path}", replaced(valid, path, instead)


def _wrong_values(value: Any) -> dict[str, Any]:
    if type(value) is int:  # a boolean is an int too
        return NOT_NUMBERS if value >= 0 else NOT_NUMBERS | {"negative": 0}  # a correction may take money, and not 0
    if isinstance(value, bool):
        return NOT_BOOLEANS
    if not isinstance(value, str):
        return {}
    return NOT_TEXTS | NOT_ADDRESSES if "@" in value else NOT_TEXTS


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a body, from the outside in. Leave out the free-form `attributes`."""
    yield path
    for key, item in _items_of(value):
        if key != "attributes":
            yield from places(item, (*path, key))


def _items_of(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def at(value: Any, path: tuple[Any, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: tuple[Any, ...], instead: Any) -> Any:
    """Return a copy of a body with another value at a path."""
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = instead
    return changed
