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
                    assert described == {code for problem in problems for code in problem["properties"]["code"]["enum"]}
                    assert all(problem["properties"]["status"]["enum"] == [int(status)] for problem in problems)


def resolved(document: dict[str, Any], node: dict[str, Any]) -> Any:
    """Return what a reference stands for, or the node itself."""
    return reduce(getitem, node["$ref"].removeprefix("#/").split("/"), document) if "$ref" in node else node


def test_every_component_is_used(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for kind in ("schemas", "responses", "headers"):
        assert [name for name in document["components"][kind] if f'"#/components/{kind}/{name}"' not in text] == []


def all_operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_answers_of_bytes_have_a_schema_that_generators_read_as_bytes(document: dict[str, Any]) -> None:
    """`format: binary` is what OpenAPI's registry of formats has for any sequence of octets."""
    found = {
        media_type: content["schema"]
        for operation in all_operations(document)
        for answer in operation["responses"].values()
        for media_type, content in answer.get("content", {}).items()
        if not media_type.endswith("json") and media_type != "text/html"
    }
    binary = {"type": "string", "format": "binary"}
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    types = ("application/pdf", "application/xml", "image/svg+xml", "image/png", "text/csv", xlsx)
    assert found == dict.fromkeys(types, binary)


def test_headers_for_programs_are_described(document: dict[str, Any]) -> None:
    """The tests' client checks that no answer has one that is not."""
    buy = document["paths"]["/v1/orders"]["post"]["responses"]
    assert {"Idempotent-Replayed", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= buy["201"][
        "headers"
    ].keys()
    refused = resolved(document, document["paths"]["/v1/sessions"]["post"]["responses"]["429"])["headers"]
    assert refused["Retry-After"]["required"]
    assert "RateLimit-Reset" in refused
    event = document["paths"]["/v1/events/{event_id}"]
    assert {"ETag"} == event["get"]["responses"]["200"]["headers"].keys()
    assert {"ETag"} == event["get"]["responses"]["304"]["headers"].keys()
    assert {"ETag"} == event["patch"]["responses"]["200"]["headers"].keys()
    redirects = [
        operation["responses"]["302"] for operation in all_operations(document) if "302" in operation["responses"]
    ]
    assert len(redirects) == 3
    assert all(resolved(document, each["headers"]["Location"])["required"] for each in redirects)


def test_an_answer_without_headers_of_its_own_lists_none(document: dict[str, Any]) -> None:
    answers = [answer for operation in all_operations(document) for answer in operation["responses"].values()]
    assert [answer for answer in answers if answer.get("headers") == {}] == []


def test_nothing_with_a_default_is_required_of_a_request_and_all_that_answers_have_is(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if '"default"' in json.dumps(schema)] == []
    item = schemas["OrderItemRequest"]
    assert "together" not in item["required"]
    assert item["properties"]["together"]["description"].endswith("Default: `true`")
    for name in ("OrderView", "OrderItemView", "PersonalData", "PlatformSettings-Output"):
        assert schemas[name]["required"] == [*schemas[name]["properties"]], name


def test_tags_are_the_domains_in_an_order_and_described(document: dict[str, Any]) -> None:
    tags = [tag["name"] for tag in document["tags"]]
    assert set(tags) == {tag for operation in all_operations(document) for tag in operation["tags"]}
    order = ["accounts", "organisations", "events", "orders", "payments", "tickets", "checkin", "slots", "platform"]
    assert [tag for tag in tags if tag in order] == order
    assert all(tag["description"] for tag in document["tags"])


def test_every_operation_has_an_example_of_all_that_it_needs(document: dict[str, Any]) -> None:
    for operation in all_operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or "example" in body, operation["operationId"]
        for parameter in operation.get("parameters", []):
            assert not parameter.get("required") or "example" in parameter, (operation["operationId"], parameter)


def test_operations_share_the_answers_that_they_have_in_common(document: dict[str, Any]) -> None:
    inline = [
        json.dumps(answer)
        for operation in all_operations(document)
        for status, answer in operation["responses"].items()
        if status >= "400" and "$ref" not in answer
    ]
    assert len(set(inline)) == len(inline)


def test_no_two_schemas_have_the_same_title(document: dict[str, Any]) -> None:
    """Generators name types by titles, and drop the second of a name."""
    titles = [schema["title"] for schema in document["components"]["schemas"].values()]
    assert len(set(titles)) == len(titles)


def test_the_api_serves_the_document_and_a_page_to_browse_it(api: Client, document: dict[str, Any]) -> None:
    assert api.get("/openapi.json").json == document
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert all(f'"{name}"' in page.body.decode() for name in operations())
    assert re.findall("<title>(.*?)</title>", page.body.decode()) == ["Boxoffice API"]
    assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']?(?:https?:)?//""", page.body.decode())


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
