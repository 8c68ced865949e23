"""What every operation does if the database or the secrets are out of reach, and if nothing has changed."""

import json

import psycopg
import pytest

from boxoffice import config, db
from boxoffice.access_tokens import issue_access_token
from boxoffice.auth import Who
from tests.helpers import conformance
from tests.helpers.google import Google
from tests.helpers.operations import ENTITLED, NOBODY, Operation, World, build, call_of, operations, perform
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client, free_port

WITHOUT_DATABASE = {"get_docs", "get_openapi", "get_unsubscribe_page", "start_google_login"}
COUNTS_FAILURES = {
    "accept_transfer",
    "confirm_email",
    "confirm_order_email",
    "confirm_second_factor",
    "create_api_key",
    "create_order",
    "create_webhook_endpoint",
    "finish_google_login",
    "hand_over_organisation",
    "log_in_with_phone",  # and after a log-in the network has tries to itself
    "log_in_with_second_factor",
    "pair_door_device",
    "remove_second_factor",
    "update_webhook_endpoint",
}
"""Operations whose limit counts nothing else, or only for unverified addresses. Each has a test of its own."""


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def call(api: Client, world: World, operation: Operation, **headers: str) -> Answer:
    """Call an operation, as a caller whom it admits."""
    valid = call_of(operation.name, world)
    caller_of = next(iter(ENTITLED[operation.who].values()))
    return perform(api, operation, valid, caller_of(world, valid), **headers)


def is_busy(answer: Answer) -> bool:
    """Return True if the answer asks the caller to try again."""
    return (answer.status, answer.code) == (503, "busy") and answer.headers["retry-after"] == "2"


def test_while_the_database_does_not_answer_it_is_busy(
    world: World, api: Client, google: Google, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{free_port()}/nothing")
    config.settings.cache_clear()
    db.disconnect()
    for name, operation in operations().items():
        with subtests.test(operation=name):
            answer = call(api, world, operation)
            if name == "get_health":
                assert (answer.status, answer.json["database"]["state"]) == (503, "down")
            elif name in WITHOUT_DATABASE:
                assert answer.status < 400
            else:
                assert is_busy(answer), answer.body


def test_while_the_secrets_cannot_be_read_it_is_busy(
    world: World, api: Client, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    credential = {"authorization": f"Bearer {issue_access_token(world.owner, world.owner)}"}
    calls = {name: call_of(name, world) for name in operations()}
    proofs = {name: valid.sign(json.dumps(valid.body).encode()) for name, valid in calls.items() if valid.sign}
    monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", str(free_port()))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "testing")
    config.forget_secrets()
    for name, operation in operations().items():
        with subtests.test(operation=name):
            headers = proofs[name] if operation.who == Who.PROVIDER else credential
            assert is_busy(perform(api, operation, calls[name], NOBODY, **headers))


def test_an_answer_that_has_not_changed_is_not_sent_again(world: World, api: Client, subtests: pytest.Subtests) -> None:
    conditional = {name for name, status, _ in conformance.declared() if status == 304}
    for name in sorted(conditional):
        with subtests.test(operation=name):
            operation = operations()[name]
            etag = call(api, world, operation).headers["etag"]
            again = call(api, world, operation, if_none_match=f'"0", {etag}' if name != "get_scan_manifest" else etag)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
            assert "content-type" not in again.headers
            assert call(api, world, operation, if_none_match='"0"').status == 200


def test_a_request_above_a_limit_changes_nothing(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    limited = {name for name, status, _ in conformance.declared() if status == 429}
    for name in sorted(limited - COUNTS_FAILURES):
        operation = operations()[name]
        with subtests.test(operation=name):
            call(api, world, operation)
            assert conn.execute("UPDATE rate_limits SET attempts = 1000000").rowcount
            with unchanged(conn):
                answer = call(api, world, operation)
            assert answer.status == 429, answer.body
            conn.execute("DELETE FROM rate_limits")
