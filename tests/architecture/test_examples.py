"""Each function has one example, which serves the document, the sample events and the tests."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import psycopg
import pytest
import samcli
from jsonschema import Draft202012Validator
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from boxoffice import openapi
from boxoffice.api import ROUTES
from boxoffice.auth import Who
from boxoffice.examples import FOLDER, example_of, sample_names
from boxoffice.models import Request
from boxoffice.sample_events import main, sample_event
from tests.helpers.operations import build, operations
from tests.helpers.support import ROOT, Client, all_functions, snake_case


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(openapi.committed()))


def described(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation of the document, with its id."""
    for methods in document["paths"].values():
        for operation in methods.values():
            yield operation["operationId"], operation


def test_an_example_is_in_the_folder_of_its_function() -> None:
    examples = {f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.json")}
    functions = {f"{path.parent.name}/{path.stem}" for path in ROOT.glob("functions/*/*.py")}
    assert examples <= functions


def test_each_name_in_examples_has_a_value_in_documents_and_in_tests(api: Client, conn: psycopg.Connection) -> None:
    used = {name for path in FOLDER.glob("*/*.json") for name in sample_names() if f"{{{name}}}" in path.read_text()}
    assert used == set(sample_names())
    in_tests = build(conn).names()
    for name in operations():
        example_of(name, in_tests)


def test_examples_of_requests_are_valid() -> None:
    all_functions()
    for route in ROUTES:
        for hint in get_type_hints(route.function).values():
            if isinstance(hint, type) and issubclass(hint, Request):
                hint.model_validate_json(json.dumps(example_of(route.function.__name__).body))


def test_the_document_shows_examples_that_follow_its_schemas(document: dict[str, Any]) -> None:
    for name, operation in described(document):
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                check_follows(document, parameter["schema"], parameter["example"], name)
        for content in operation.get("requestBody", {"content": {}})["content"].values():
            check_follows(document, content["schema"], content["example"], name)


def check_follows(document: dict[str, Any], schema: dict[str, Any], example: Any, name: str) -> None:
    """Check an example against its schema."""
    validator = Draft202012Validator(
        schema | {"components": document["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    assert [f"{name}: {error.message}" for error in validator.iter_errors(example)] == []


def test_the_document_shows_what_an_operation_cannot_do_without(document: dict[str, Any]) -> None:
    for name, operation in described(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "header" and parameter.get("required"):
                assert "example" in parameter, f"{name}: {parameter['name']}"
        given = example_of(name)
        named = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert set(given.path | given.query) <= named, name


def test_an_example_names_a_token_where_a_guest_may_call(document: dict[str, Any]) -> None:
    for name, operation in described(document):
        assert (example_of(name).token_of is not None) == (operation["x-who"] == Who.GUEST), name


def test_every_function_has_the_event_that_calls_it() -> None:
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    for logical_id, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            types = {event["Type"] for event in resource["Properties"].get("Events", {}).values()}
            assert source_types_of(sample_event(snake_case(logical_id))) == (types or {"HttpApi", "Migration"}), (
                logical_id
            )


def source_types_of(event: dict[str, Any]) -> set[str]:
    """Return the types of event sources, as the template names them, that send such an event."""
    match event:
        case {"Records": [{"eventSource": "aws:sqs"}]}:
            return {"SQS"}
        case {"detail-type": "Scheduled Event"}:
            return {"Schedule"}
        case _:
            return {"HttpApi", "Migration"}


def test_sample_requests_look_like_those_of_sam() -> None:
    folder = Path(samcli.__file__).parent / "lib/generated_sample_events/events/apigateway"
    sams = json.loads((folder / "HttpApi.json").read_text())
    for name in operations():
        event = sample_event(name)
        assert set(event) <= set(sams)
        assert set(event["requestContext"]) <= set(sams["requestContext"])
        assert set(event["requestContext"]["http"]) == set(sams["requestContext"]["http"])
        assert event["rawPath"] == event["routeKey"].partition(" ")[2].format(**event.get("pathParameters", {}))


def test_one_event_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create_order"]) == 0
    assert json.loads(capsys.readouterr().out) == sample_event("create_order")
