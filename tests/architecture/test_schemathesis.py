"""Schemathesis generates requests from the OpenAPI document. The document describes each answer, and none is a 5xx.

Every operation is called by a caller whom it admits, at real paths. Some fields of a body are generated, and the others
are those of a valid call. So requests get past the first check and reach the database.
"""

import json
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
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from boxoffice import openapi
from boxoffice.access_tokens import issue_access_token
from boxoffice.auth import Who
from tests.helpers import invariants
from tests.helpers.google import Google
from tests.helpers.operations import ENTITLED, Call, Caller, Operation, build, call_of, operations
from tests.helpers.provider_servers import Flutterwave, Stripe
from tests.helpers.soak import SOAK
from tests.helpers.support import Client
from tests.helpers.wsgi import app

EXAMPLES = round(20 * SOAK)  # for each operation, of each kind

# All of Schemathesis's checks, but for these. `positive_data_acceptance`: stock, roles and times refuse much that the
# document allows. `ignored_auth` and `object_level_authorization`: test_authorisation.py and test_tenancy.py try more.
# `unsupported_method` and `allow_header_conformance`: API Gateway answers what is no route.
# `use_after_free` and `ensure_resource_availability`: they need runs of several operations.
CHECKS = [
    checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(autouse=True)
def _providers(stripe: Stripe, flutterwave: Flutterwave, google: Google) -> None:
    """Run every provider's server, so that payments and log-ins can be started."""


def test_requests_that_follow_the_document(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name, operation in operations().items():
        with subtests.test(operation=name):
            statuses = explore(conn, operation, GenerationMode.POSITIVE)
            if operation.who != Who.PROVIDER:  # the document does not describe providers' bodies
                assert any(status < 400 for status in statuses), "no request got all the way"
    invariants.check(conn)


def test_requests_that_break_it(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name, operation in operations().items():
        with subtests.test(operation=name):
            if operation.takes_body or operation.takes_parameters:
                explore(conn, operation, GenerationMode.NEGATIVE)


def explore(conn: psycopg.Connection, operation: Operation, mode: GenerationMode) -> set[int]:
    """Send many requests to an operation, the same ones in each run, from all callers whom it admits.

    Returns:
        The statuses of the answers.
    """
    world = build(conn)
    statuses = set()
    call = call_of(operation.name, world)
    callers = [caller_of(world, call) for caller_of in ENTITLED[operation.who].values()]
    callers += [Caller(key=world.key)] if operation.scope else []
    callers += [Caller(device=world.device_token)] if operation.for_devices else []

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=described()[operation.path][operation.method].as_strategy(mode), data=st.data())
    def send(case: Case[Any], data: st.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            fill_in(case, call, data)
        elif any(value in ("", {}, []) for value in (case.query or {}).values()):
            return  # a query parameter without a value counts as left out
        caller = data.draw(st.sampled_from(callers))
        conn.execute("DELETE FROM rate_limits")
        answer = case.call_and_validate(checks=CHECKS, headers=credentials(caller))
        statuses.add(answer.status_code)

    send()
    return statuses


def fill_in(case: Case[Any], call: Call, data: st.DataObject) -> None:
    """Put parts of a valid call into a generated one."""
    if data.draw(st.integers(0, 4)):
        case.path_parameters = dict(call.path)
        case.query = {**(case.query or {}), **call.query}
    if isinstance(case.body, dict):
        names = sorted(case.body) if data.draw(st.integers(0, 3)) else []
        generated = data.draw(st.sets(st.sampled_from(names))) if names else set()
        case.body = call.body | {name: case.body[name] for name in generated}


@cache
def described() -> BaseSchema:
    """Return the committed document for Schemathesis, without credentials, which it would invent."""
    document = json.loads(openapi.committed())
    for methods in document["paths"].values():
        for operation in methods.values():
            del operation["security"]
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    # Each 4xx is a rejection, also a 413 of a body that is too large. Another check compares it with the document.
    schema.config.checks.negative_data_rejection.expected_statuses = ["4xx"]
    schema.config.checks.missing_required_header.expected_statuses = [422]
    return schema


def credentials(caller: Caller) -> dict[str, str]:
    """Return the headers that say who calls."""
    if caller.account:
        return {"Authorization": f"Bearer {issue_access_token(caller.account, caller.account)}"}
    return caller.headers | ({"X-Order-Token": caller.token} if caller.token else {})
