"""The OpenAPI document says what the code does, and is one that tools can read."""

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from boxoffice import openapi
from tests.helpers.operations import operations
from tests.helpers.support import ROOT, Client, all_functions


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(openapi.committed()))


def test_the_committed_document_is_what_the_code_says() -> None:
    all_functions()  # each is loaded once in a process
    assert openapi.committed() == openapi.generate(ROOT / "functions"), "run make openapi"


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_operation_ids_are_the_names_of_the_functions(document: dict[str, Any]) -> None:
    described = [
        f"{operation['tags'][0]}/{operation['operationId']}"
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    files = [
        f"{path.parent.name}/{path.stem}" for path in ROOT.glob("functions/*/*.py") if "@route(" in path.read_text()
    ]
    assert sorted(described) == sorted(files)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["summary"] != operation["operationId"]
            assert {status for status in operation["responses"] if status < "300"}


def test_every_error_is_described_by_its_codes(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert all("- `" in answer["description"] for answer in errors.values()), operation["operationId"]
            assert all(list(answer["content"]) == ["application/problem+json"] for answer in errors.values())


def test_no_schema_stands_there_unused(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert [name for name in document["components"]["schemas"] if f'"#/components/schemas/{name}"' not in text] == []


def test_the_api_serves_the_document_and_a_page_to_browse_it(api: Client, document: dict[str, Any]) -> None:
    assert api.get("/openapi.json").json == document
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(f'"{name}"' in page.body.decode() for name in operations())
