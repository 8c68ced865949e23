"""The OpenAPI document describes the code, and tools can read it."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import reduce
from hashlib import sha256
from operator import getitem
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from boxoffice import openapi
from tests.helpers.operations import operations
from tests.helpers.support import ROOT, Client, all_functions


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(openapi.committed()))


def test_the_committed_files_are_those_that_the_code_generates() -> None:
    all_functions()  # each is loaded once in a process
    for path, text in openapi.generate(ROOT).items():
        assert path.read_text() == text, f"{path.name}: run make openapi"


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
            assert {status for status in operation["responses"] if status < "400"}


def test_every_error_is_described_by_its_codes(document: dict[str, Any]) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    response = resolved(document, answer)
                    described = set(re.findall(r"^- `(\w+)`: ", response["description"], re.MULTILINE))
                    schema = response["content"]["application/problem+json"]["schema"]
                    problems = [resolved(document, each)["allOf"][1] for each in schema.get("oneOf", [schema])]
                    assert described == {problem["properties"]["code"]["const"] for problem in problems}
                    assert {problem["properties"]["status"]["const"] for problem in problems} == {int(status)}


def resolved(document: dict[str, Any], node: dict[str, Any]) -> Any:
    """Return what a reference stands for, or the node itself."""
    return reduce(getitem, node["$ref"].removeprefix("#/").split("/"), document) if "$ref" in node else node


def test_every_component_is_used(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for kind in ("schemas", "responses", "headers"):
        assert [name for name in document["components"][kind] if f'"#/components/{kind}/{name}"' not in text] == []


def test_the_api_serves_the_document_and_a_page_to_browse_it(api: Client, document: dict[str, Any]) -> None:
    assert api.get("/openapi.json").json == document
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(f'"{name}"' in page.body.decode() for name in operations())


def test_the_page_runs_its_own_scripts_alone_and_keeps_no_credential(api: Client) -> None:
    page = api.get("/docs")

    policy = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page.body.decode(), re.DOTALL)
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in scripts]
    assert policy["script-src"].split() == [f"'sha256-{each}'" for each in hashes]
    assert policy["connect-src"] == "'self'"
    assert "persistAuthorization: false" in scripts[-1]


def test_every_answer_with_a_currency_says_how_many_decimals_it_has(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    answers = {name for name, schema in schemas.items() if "currency" in schema.get("properties", {})}
    answers -= {name for name in answers if name.endswith(("Request", "Patch"))}

    assert {"EventView", "OrderView", "PaymentView", "RefundView", "TicketTypeView", "VoucherView"} <= answers
    assert [name for name in answers if "currency_exponent" not in schemas[name]["required"]] == []


def test_every_answer_with_an_amount_says_its_currency(document: dict[str, Any]) -> None:
    contents = [
        content
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        for content in answer.get("content", {}).values()
        if status < "300"
    ]

    found = {each for content in contents for each in amounts_in(document, content.get("schema", {}))}

    assert {"OrderItemView.total", "AmountOff.amount", "TicketTypeView.price"} <= {name for name, _ in found}
    assert [name for name, has_currency in found if not has_currency] == []


def amounts_in(
    document: dict[str, Any], node: dict[str, Any], has_currency: bool = False, around: tuple[str, ...] = ()
) -> Iterator[tuple[str, bool]]:
    """Yield the name of each amount in a schema, and True if an object around it says the currency."""
    name = node.get("$ref", "").rpartition("/")[2]
    if name and name in around:
        return
    schema = resolved(document, node)
    properties = schema.get("properties", {})
    has_currency = has_currency or "currency" in properties
    for field in properties.keys() & {"amount", "discount", "price", "subtotal", "total", "unit_price"}:
        if properties[field].get("type") == "integer":
            yield f"{name}.{field}", has_currency
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    for part in (*properties.values(), *alternatives, schema.get("items")):
        if part:
            yield from amounts_in(document, part, has_currency, (*around, name))
