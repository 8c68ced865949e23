"""The OpenAPI 3.1 document: generated from the endpoints' declarations, committed, served and checked by the tests.

python -m boxoffice.openapi            writes layers/common/boxoffice/openapi.json, and the routes in template.yaml
python -m boxoffice.openapi --check    exits with 1 if what is committed is not what the code says
"""

import importlib.util
import json
import sys
from collections import defaultdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from boxoffice import api, routes
from boxoffice.auth import Who
from boxoffice.errors import (
    Busy,
    DomainError,
    Forbidden,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)
from boxoffice.examples import example_of
from boxoffice.version import VERSION

_FILE = Path(__file__).parent / "openapi.json"
_DESCRIPTION = """\
Sells tickets at on-sale speed without ever overselling, takes payments, delivers QR tickets and admits people.

Ids are UUIDv7, times RFC 3339 in UTC, money an integer in the currency's minor unit. Errors are problem documents
(RFC 9457) with a stable `code`. Lists answer `items` and `next_cursor`. `x-who` says who may call an operation:
`public`, `guest` (the order's own token, its buyer's account, or a manager of the seller), `account`, a role in the
organisation concerned (`scanner` < `manager` < `owner`), `admin` of the platform, or a payment `provider` by its
signature."""

_SECURITY: dict[Who, list[dict[str, list[str]]]] = {
    Who.PUBLIC: [{}, {"account": []}],
    Who.PROVIDER: [{}],
    Who.GUEST: [{"order_token": []}, {"account": []}],
}
_SCHEMES = {
    "account": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An account's access token"},
    "order_token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Order-Token",
        "description": "The access_token of one order",
    },
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What is wrong, as RFC 9457 has it",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable, for machines"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "For validation: where and what",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
            },
        },
    },
}


def committed() -> str:
    """The document as it was committed and deployed."""
    return _FILE.read_text()


def page() -> str:
    """The document as a page to browse, with everything it needs inside."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui

    assets = Path(swagger_ui.__file__).parent
    return swagger_ui.generate_swagger_html(
        committed().replace("</", "<\\/"),
        (assets / "swagger-ui-bundle.min.js").read_text(),
        (assets / "swagger-ui.min.css").read_text(),
        swagger_base_url="",
        oauth2_config=None,
        persist_authorization=True,
    )


def generate(functions: Path) -> str:
    """The document of all endpoints below a directory."""
    for path in sorted(functions.glob("*/*.py")):
        _load(path)
    document = json.loads(api.app.get_openapi_json_schema(title="Boxoffice", version=VERSION, description=_DESCRIPTION))
    document.pop("servers", None)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    document["components"]["securitySchemes"] = _SCHEMES
    for route in api.ROUTES:
        _complete(document["paths"][route.path][route.method.lower()], route, functions)
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _load(path: Path) -> None:
    if path.stem in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)


def _complete(operation: dict[str, Any], route: api.Route, functions: Path) -> None:
    """Add what Powertools cannot know: who may call, the errors, and the domain as a tag."""
    (path,) = functions.glob(f"*/{route.function.__name__}.py")
    operation["tags"] = [path.parent.name]
    operation["x-who"] = route.who
    operation["security"] = _SECURITY.get(route.who, [{"account": []}])
    responses = operation["responses"]
    for written_by_powertools in ("422", "500"):
        responses.pop(written_by_powertools, None)
    if route.produces:
        responses["200"]["content"] = {media_type: {} for media_type in route.produces}
    if "204" in responses:
        responses["204"] = {"description": "Done; there is nothing to say"}
    if any(parameter["name"].lower() == "if-none-match" for parameter in operation.get("parameters", [])):
        responses["304"] = {"description": "Nothing has changed"}
    _show_example(operation)
    for status, errors in sorted(_errors(operation, route).items()):
        responses[str(status)] = {
            "description": _describe(status, errors),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }


def _show_example(operation: dict[str, Any]) -> None:
    example = example_of(operation["operationId"])
    for parameter in operation.get("parameters", []):
        value = (example.path | example.query).get(parameter["name"])
        if value is not None:
            parameter["example"] = value
    if "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = example.body


def _errors(operation: dict[str, Any], route: api.Route) -> dict[int, list[type[DomainError]]]:
    errors: list[type[DomainError]] = [Busy]
    if route.who is not Who.PROVIDER:
        errors += [Unauthenticated]  # a wrong credential is refused on public routes too
    if route.who in {Who.GUEST, Who.SCANNER, Who.MANAGER, Who.OWNER, Who.ADMIN}:
        errors += [Forbidden]
    if route.who in {Who.GUEST, Who.SCANNER, Who.MANAGER, Who.OWNER}:
        errors += [NotFound]
    if "requestBody" in operation:
        errors += [Malformed, TooLarge, UnsupportedMediaType]
    if "requestBody" in operation or operation.get("parameters"):
        errors += [Invalid]
    if any(parameter["name"].lower() == "idempotency-key" for parameter in operation.get("parameters", [])):
        errors += [KeyReused]
    grouped: dict[int, list[type[DomainError]]] = defaultdict(list)
    for error in dict.fromkeys([*errors, *route.raises]):
        grouped[error.status].append(error)
    return grouped


def _describe(status: int, errors: list[type[DomainError]]) -> str:
    lines = [f"- `{error.code}`: {error.detail}" for error in errors]
    return "\n".join([HTTPStatus(status).phrase, "", *lines])


def main(arguments: list[str]) -> int:
    """Write the document and the template's routes, or check them."""
    root = Path(__file__).parents[3]
    template = root / "template.yaml"
    document = generate(root / "functions")
    generated = {_FILE: document, template: routes.with_routes(template.read_text(), api.ROUTES)}
    if "--check" in arguments:
        stale = [path.name for path, text in generated.items() if path.read_text() != text]
        if stale:
            print(f"out of date: {', '.join(stale)}; run make openapi", file=sys.stderr)
        return 1 if stale else 0
    for path, text in generated.items():
        path.write_text(text)
    print(f"{_FILE.name}, {template.name}: {len(api.ROUTES)} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
