"""The test client accepts only the answers that the OpenAPI document describes."""

import json
from typing import Any

import pytest

from tests.helpers import conformance
from tests.helpers.secret_marks import MARK


def problem(status: int, code: str, **facts: Any) -> dict[str, Any]:
    known = {"type": f"urn:boxoffice:problem:{code}", "title": "No", "detail": "No.", "request_id": "1"}
    return {**known, "status": status, "code": code, **facts}


def check(path: str, content: dict[str, Any], media_type: str = "application/problem+json", **headers: str) -> None:
    headers = {"content-type": media_type} | {name.replace("_", "-"): text for name, text in headers.items()}
    conformance.check("DELETE", path, content["status"], headers, json.dumps(content).encode())


TAKEN = {"ticket_type_id": "01981f6c-7b00-7a11-8c3e-5d2f40a1b001", "ticket_type_name": "Standing", "taken": 2}
EVENT = "/v1/events/01981f6c-7b00-7a11-8c3e-5d2f40a1b001"


def test_a_described_answer_passes() -> None:
    check(EVENT, problem(409, "tickets_taken", **TAKEN))
    check(EVENT, problem(503, "busy", retry_after=2), retry_after="2")
    check("/nowhere", problem(404, "not_found"))


@pytest.mark.parametrize(
    "content",
    [
        problem(418, "teapot"),
        problem(409, "sold_out", ticket_type_ids=[]),
        problem(403, "forbidden", required_role="manager"),
        problem(403, "forbidden", required_role="manager", your_role=7),
        {**problem(409, "tickets_taken", **TAKEN), "status": 404, "code": "not_found", "detail": None},
        problem(500, "internal_error"),
    ],
)
def test_another_status_code_or_fact_fails(content: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(EVENT, content)


def test_another_media_type_or_path_or_a_missing_header_fails() -> None:
    with pytest.raises(AssertionError, match="not declared"):
        check(EVENT, problem(409, "tickets_taken", **TAKEN), "application/json")
    with pytest.raises(AssertionError, match="retry"):
        check(EVENT, problem(503, "busy", retry_after=2))
    with pytest.raises(AssertionError, match="not in the document"):
        check("/nowhere", problem(409, "tickets_taken", **TAKEN))


def test_an_internal_error_passes_where_a_test_expects_it() -> None:
    with conformance.internal_errors_expected():
        check(EVENT, problem(500, "internal_error"))
    with pytest.raises(AssertionError):
        check(EVENT, problem(500, "internal_error"))


def test_every_declared_answer_has_an_operation_a_status_and_a_code() -> None:
    declared = conformance.declared()

    assert {("delete_event", 204, ""), ("delete_event", 409, "tickets_taken"), ("get_health", 503, "")} <= declared
    assert ("delete_event", 409, "") not in declared


def test_an_answer_with_a_secret_is_refused() -> None:
    with pytest.raises(AssertionError, match="answers a secret"):
        conformance.check("GET", "/health", 200, {"content-type": "application/json"}, f'"{MARK}"'.encode())
