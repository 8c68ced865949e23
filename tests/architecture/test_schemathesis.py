"""Schemathesis makes requests from our own document: no answer is a 5xx, and each is one that the document describes.

Every operation is called as whoever may call it, at real paths. In a body, some fields are the generated ones and the
rest those of a valid call, so that requests get past the first check and reach the database.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from boxoffice import openapi
from boxoffice.auth import Who, issue_access_token
from boxoffice.ids import new_id
from tests.helpers import invariants
from tests.helpers.operations import ENTITLED, Call, Caller, Operation, build, call_of, operations
from tests.helpers.provider_servers import Flutterwave, Stripe, at
from tests.helpers.support import Client
from tests.helpers.wsgi import app

EXAMPLES = 50  # for each operation, of each kind

CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(autouse=True)
def _providers(api: Client) -> Iterator[None]:
    """Payments can be started at every provider."""
    with ExitStack() as stack:
        for server in (Stripe(), Flutterwave()):
            stack.callback(server.stop)
            stack.enter_context(at(server))
        yield


def test_requests_that_follow_the_document(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name, operation in operations().items():
        with subtests.test(operation=name):
            answered = explore(conn, operation, GenerationMode.POSITIVE)
            if operation.who != Who.PROVIDER:  # what a provider sends is not ours to describe
                assert any(status < 300 for status in answered), "no request got all the way"
    invariants.check(conn)


def test_requests_that_break_it(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name, operation in operations().items():
        with subtests.test(operation=name):
            if operation.takes_body or operation.takes_parameters:
                explore(conn, operation, GenerationMode.NEGATIVE)


def explore(conn: psycopg.Connection, operation: Operation, mode: GenerationMode) -> set[int]:
    """Send many requests to an operation, the same ones in each run, from everybody who may call it.

    Returns:
        With which statuses they were answered.
    """
    world = build(conn)
    answered = set()
    call = call_of(operation.name, world)
    callers = [caller_of(world, call) for caller_of in ENTITLED[operation.who].values()]

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=described()[operation.path][operation.method].as_strategy(mode), data=st.data())
    def send(case: Case[Any], data: st.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            deepen(case, call, data)
        caller = data.draw(st.sampled_from(callers))
        conn.execute("DELETE FROM rate_limits")
        answer = case.call_and_validate(checks=CHECKS, headers=credentials(caller))
        answered.add(answer.status_code)

    send()
    return answered


def deepen(case: Case[Any], call: Call, data: st.DataObject) -> None:
    """Put parts of a valid call into a generated one."""
    if data.draw(st.integers(0, 4)):
        case.path_parameters = dict(call.path)
        case.query = {**(case.query or {}), **call.query}
    if isinstance(case.body, dict):
        names = sorted(case.body) if data.draw(st.integers(0, 3)) else []
        kept = data.draw(st.sets(st.sampled_from(names))) if names else set()
        case.body = call.body | {name: case.body[name] for name in kept}


@cache
def described() -> BaseSchema:
    """The committed document, as Schemathesis reads it: without credentials, which it would make up."""
    document = json.loads(openapi.committed())
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["security"]
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    # A generated body can be larger than any body may be. That is a rejection too.
    rejection = schema.config.checks.negative_data_rejection
    rejection.expected_statuses = [*rejection.expected_statuses, "413"]
    return schema


def credentials(caller: Caller) -> dict[str, str]:
    """The headers that say who calls."""
    if caller.account:
        return {"Authorization": f"Bearer {issue_access_token(caller.account, new_id())}"}
    return {"X-Order-Token": caller.token} if caller.token else {}
