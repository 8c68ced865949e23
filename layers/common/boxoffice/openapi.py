"""The OpenAPI 3.1 document: generated from the declarations of the endpoints, committed, served, and checked by tests.

`python -m boxoffice.openapi` writes openapi.json, docs/errors.md and the routes in template.yaml. With `--check` it
writes nothing, and exits with 1 if one of them is out of date.
"""

import base64
import hashlib
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from boxoffice import api, routes
from boxoffice.auth import Devices, Who
from boxoffice.errors import TooManyRequests
from boxoffice.examples import example_of
from boxoffice.version import VERSION

_FILE = Path(__file__).parent / "openapi.json"
_DESCRIPTION = """\
Sells tickets at on-sale speed without ever overselling, takes payments, delivers QR tickets and admits people.

Ids are UUIDv7, and times RFC 3339 in UTC. Money is an integer in the currency's minor unit as ISO 4217 defines it, and
`currency_exponent` says how many decimals that is. Errors are problem documents (RFC 9457): `code` says what is wrong,
`detail` what to do about it, and the facts stand beside them. Lists answer `items` and `next_cursor`. A page of long
texts has fewer items than `limit`, and only the last page has no `next_cursor`. Fields and query parameters that an
operation does not have are refused. `x-who` says who may call an operation: `public`, `guest` (the order's own token,
its buyer's account, or a manager of the seller), `account`, a role in the organisation concerned (`scanner` < `manager`
< `owner`), `admin` of the platform, or a payment `provider` by its signature. `x-scope` names the scope that an
organisation's API key needs instead. Without it, no key may call the operation.

Examples are complete: an operation takes them as they are, once you replace ids, tokens and codes by those of your own
answers. The local stack has done so: there, its document names what its demo data are. Idempotency keys are new for
each request."""

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
        "description": "The access_token of an order or a ticket, or the token of a waitlist entry",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "An organisation's API key. With the scope `buyers:address`, a shop also sends the address of "
        "its buyer as `X-Buyer-Address`, which limits then count",
    },
    "door_device": {"type": "http", "scheme": "bearer", "description": "The token of a device with a door pass"},
}
# The domains, in the order in which somebody who sets up a shop meets them.
_TAGS = {
    "accounts": "Sign up, log in by password, phone or Google, and keep an account safe",
    "privacy": "See what is held about a person, and have it erased",
    "organisations": "Sellers, their members and invitations",
    "api_keys": "Keys for programs of an organisation",
    "events": "Draft, publish, find, move and cancel events",
    "ticket_types": "What an event sells: prices, quantities, sale windows and seats",
    "media": "Upload pictures, and show them in galleries",
    "vouchers": "Codes for discounts and for hidden ticket types",
    "waitlist": "Wait for tickets that are sold out",
    "orders": "Hold tickets, read and change orders, cancel them",
    "payments": "Pay orders, and settle what needs a person",
    "refunds": "Give money back, whole or in part",
    "tickets": "Show, print and transfer tickets",
    "doors": "Passes and devices for the staff at the door",
    "checkin": "Scan tickets, online and offline",
    "slots": "Places with capacity, such as cloakrooms",
    "announcements": "Write to the buyers or holders of an event",
    "newsletter": "Subscribe to newsletters, and send their issues",
    "webhooks": "Be told of what changes, and see what was delivered",
    "analytics": "Views and sales, day by day",
    "exports": "Attendees as a list, and files of what an organisation has",
    "finance": "What the platform keeps, what it owes, and what it pays out",
    "messaging": "The emails and text messages that are owed, and addresses that refuse emails",
    "admin": "Settings and the audit log of the platform",
    "platform": "This document, and the health of the deployment",
}
_ETAG = {
    "description": "The version, a point, and a tag of what is shown. Sent as `If-Match`, a write is refused if the "
    "version has changed. Sent as `If-None-Match`, the answer is 304 while it would show the same",
    "required": True,
    "schema": {"type": "string"},
}
_LOCATION = {
    "description": "The address to go to",
    "required": True,
    "schema": {"type": "string", "format": "uri-reference"},
}
_REPLAYED = {
    "description": "This is the answer to an earlier request with the same Idempotency-Key. It had its effect then",
    "schema": {"const": "true"},
}
_BODIES: dict[str, dict[str, Any]] = {
    "application/json": {"type": "object"},
    "text/html": {"type": "string"},
}
_ANY_KEY = "a-new-uuid-for-each-request"
_SCHEMA = re.compile(r'"#/components/schemas/([\w-]+)"')
_BYTES = {"type": "string", "format": "binary"}


def committed() -> str:
    """Return the document as it was committed and deployed."""
    return _FILE.read_text()


def with_examples(names: Mapping[str, str]) -> str:
    """Return the committed document with other values for the names in its examples, and with new idempotency keys."""
    document = json.loads(committed())
    for methods in document["paths"].values():
        for operation in methods.values():
            _show_example(operation, names, str(uuid4()))
    return _text_of(document)


def page(document: str) -> str:
    """Return a document as a page to browse. The page loads nothing from elsewhere."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui

    assets = Path(swagger_ui.__file__).parent
    page = swagger_ui.generate_swagger_html(
        document.replace("</", "<\\/"),
        (assets / "swagger-ui-bundle.min.js").read_text(),
        (assets / "swagger-ui.min.css").read_text(),
        swagger_base_url="",
        oauth2_config=None,
        persist_authorization=False,
    )
    return page.replace("<title>Swagger UI</title>", "<title>Boxoffice API</title>").replace(
        "<html>", '<html lang="en">', 1
    )


def policy_of(page: str) -> str:
    """Return the Content-Security-Policy of the page: it runs its own scripts, and calls the API that it stands on."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    hashes = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    )


def generate(root: Path) -> dict[Path, str]:
    """Return the texts of openapi.json and docs/errors.md by their paths, for the endpoints of a checkout."""
    from boxoffice import problems  # here, since functions that only show the document do not need it
    from boxoffice.webhooks import catalogue

    for path in sorted(root.glob("functions/*/*.py")):
        _load(path)
    document = json.loads(api.app.get_openapi_json_schema(title="Boxoffice", version=VERSION, description=_DESCRIPTION))
    document.pop("servers", None)
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    operations = [(route, document["paths"][route.path][route.method.lower()]) for route in api.ROUTES]
    groups = [errors for route, operation in operations for errors in problems.groups_of(route, operation).values()]
    times = Counter(map(problems.name_of, groups))
    shared = {name for name, number in times.items() if number > 1}
    for route, operation in operations:
        _complete(operation, route, root, problems.responses_of(route, operation, shared))
    document["paths"] = dict(sorted(document["paths"].items()))
    document["webhooks"], schemas = catalogue.described()
    document["components"]["schemas"] |= schemas
    document["components"] = _components(document, problems.components_of(groups))
    _say_what_is_required(document)
    in_order = sorted(operations, key=lambda each: each[0].function.__name__)
    return {_FILE: _text_of(_without_aliases(document)), root / "docs/errors.md": problems.page(in_order)}


def _text_of(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _components(document: dict[str, Any], of_problems: dict[str, Any]) -> dict[str, Any]:
    models = document["components"]["schemas"]
    for written_by_powertools in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        models.pop(written_by_powertools, None)
    if shared := models.keys() & of_problems["schemas"].keys():
        raise ValueError(f"models and errors share names: {sorted(shared)}")
    schemas = dict(sorted((models | of_problems["schemas"]).items()))
    for name, schema in schemas.items():
        if schema.keys() != {"$ref"}:
            schema["title"] = name  # so that no two have the same: generators of clients name their types so
    used = set(re.findall(r"#/components/responses/(\w+)", json.dumps(document["paths"])))
    responses = {name: response for name, response in of_problems["responses"].items() if name in used}
    headers = {
        "ETag": _ETAG,
        "Location": _LOCATION,
        "Idempotent-Replayed": _REPLAYED,
        **of_problems["headers"],
    }
    return {"schemas": schemas, "responses": responses, "headers": headers, "securitySchemes": _SCHEMES}


def _load(path: Path) -> None:
    if path.stem in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)


def _complete(operation: dict[str, Any], route: api.Route, root: Path, errors: dict[str, Any]) -> None:
    """Add what Powertools does not know: who may call, the errors, and the domain as a tag."""
    (path,) = root.glob(f"functions/*/{route.function.__name__}.py")
    operation["tags"] = [path.parent.name]
    operation["x-who"] = route.who
    operation["security"] = [*_SECURITY.get(route.who, [{"account": []}]), *_security_of_machines(route)]
    if route.access.scope is not None:
        operation["x-scope"] = route.access.scope
    responses = operation["responses"]
    for written_by_powertools in ("422", "500"):
        responses.pop(written_by_powertools, None)
    if route.produces:
        modelled = responses["200"]["content"].get("application/json", {}).get("schema", {})
        bodies = _BODIES | ({"application/json": modelled} if "$ref" in modelled else {})
        responses["200"]["content"] = {each: {"schema": bodies.get(each, _BYTES)} for each in route.produces}
    if "204" in responses:
        responses["204"] = {"description": "Done; the answer has no body"}
    if "302" in responses:
        responses["302"] = {"description": "The browser goes to another address"}
    if route.conditional:
        responses["304"] = {"description": "Nothing has changed"}
    if route.moves:
        responses["308"] = {"description": "It has another address now, which answers the same"}
    for status, response in responses.items():
        if headers := [*_headers_of(route, operation, status)]:
            response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    _show_example(operation)
    operation["responses"] = dict(sorted((responses | errors).items()))


def _headers_of(route: api.Route, operation: dict[str, Any], status: str) -> Iterator[str]:
    """Yield the names of the headers that an answer without an error has or can have."""
    from boxoffice.problems import RATE_LIMIT, takes

    if status in ("302", "308"):
        yield "Location"
    if route.sets_etag and status != "308":
        yield "ETag"
    if takes(operation, "idempotency-key"):
        yield "Idempotent-Replayed"
    if TooManyRequests in route.raises and status != "304":
        yield from RATE_LIMIT


def _without_aliases(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without schemas that are another by a second name, which generators of clients refuse."""
    schemas = document["components"]["schemas"]
    aliases = {name: schemas.pop(name)["$ref"] for name in [*schemas] if schemas[name].keys() == {"$ref"}}
    text = json.dumps(document)
    for name, target in aliases.items():
        text = text.replace(f'"#/components/schemas/{name}"', f'"{target}"')
    return dict(json.loads(text))


def _say_what_is_required(document: dict[str, Any]) -> None:
    """Require what is in each answer, and nothing in a request that has a default.

    Generators of types take a field with a default for one that is always there. In a request it need not be. So there
    its description says the default.
    """
    schemas = document["components"]["schemas"]
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    sent = _reached([each.get("requestBody", {}) for each in operations], schemas)
    answered = _reached([each["responses"] for each in operations] + [document["components"]["responses"]], schemas)
    for name in sent:
        for field in schemas[name].get("properties", {}).values():
            if "default" in field:
                default = f"Default: `{json.dumps(field.pop('default'))}`"
                field["description"] = f"{field['description']}. {default}" if "description" in field else default
    for name in answered - sent:
        if "properties" in schemas[name]:
            schemas[name]["required"] = [*schemas[name]["properties"]]
            for field in schemas[name]["properties"].values():
                field.pop("default", None)


def _reached(part: Any, schemas: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that a part of the document refers to, or that those refer to."""
    reached: set[str] = set()
    found = set(_SCHEMA.findall(json.dumps(part)))
    while found:
        reached |= found
        found = set(_SCHEMA.findall(json.dumps([schemas[name] for name in found]))) - reached
    return reached


def _security_of_machines(route: api.Route) -> Iterator[dict[str, list[str]]]:
    if route.access.scope is not None:
        yield {"api_key": []}
    if route.access.devices is not Devices.NEVER:
        yield {"door_device": []}


def _show_example(operation: dict[str, Any], names: Mapping[str, str] | None = None, key: str = _ANY_KEY) -> None:
    example = example_of(operation["operationId"], names)
    named = example.path | example.query | {"idempotency-key": key}
    for parameter in operation.get("parameters", []):
        value = named.get(parameter["name"], named.get(parameter["name"].lower()))
        if value is not None:
            parameter["example"] = value
    if "requestBody" in operation and example.body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example.body


def main(arguments: list[str]) -> int:
    """Write the generated files, or check that they are up to date."""
    root = Path(__file__).parents[3]
    template = root / "template.yaml"
    generated = generate(root)
    generated[template] = routes.with_routes(template.read_text(), api.ROUTES)
    stale = [path for path, text in generated.items() if not path.is_file() or path.read_text() != text]
    if "--check" in arguments:
        if stale:
            print(f"out of date: {', '.join(path.name for path in stale)}; run make openapi", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_text(generated[path])
    print(f"{len(api.ROUTES)} operations; written: {', '.join(path.name for path in stale) or 'nothing new'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
