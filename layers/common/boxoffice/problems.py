"""The errors that each operation can answer, for the OpenAPI document and docs/errors.md.

A route declares its own errors. This module adds those that many operations have, by their parameters and callers.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, create_model
from pydantic.json_schema import models_json_schema

from boxoffice.api import Route
from boxoffice.auth import Devices, Who
from boxoffice.errors import (
    AccountNeeded,
    Busy,
    DomainError,
    Forbidden,
    InternalError,
    Invalid,
    KeyReused,
    Malformed,
    NotFound,
    OutOfScope,
    OutsideDoorPass,
    PasswordChangeNeeded,
    SecondFactorRequired,
    StaleVersion,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
)

type Json = dict[str, Any]
type ErrorType = type[DomainError]

MEDIA_TYPE = "application/problem+json"
PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "An error, as RFC 9457 describes it; each code adds its own facts",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong and what to do, for people"},
        "code": {"type": "string", "description": "What is wrong, for programs"},
        "request_id": {"type": "string"},
    },
}
HEADERS: Json = {
    "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to say who you are", "schema": {"const": "Bearer"}},
    "RateLimit-Limit": {
        "description": "How many attempts the tightest limit allows. Only answers of what is counted have it",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Remaining": {"description": "How many attempts are left", "schema": {"type": "integer", "minimum": 0}},
    "RateLimit-Reset": {
        "description": "Seconds until all attempts are there again, or until the next one",
        "schema": {"type": "integer", "minimum": 1},
    },
}
RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@dataclass(frozen=True)
class _Common:
    """Errors that every operation of a kind can answer.

    Attributes:
        where: the operations, in words.
        applies: returns True for these operations.
    """

    errors: tuple[ErrorType, ...]
    where: str
    applies: Callable[[Route, Json], bool]


def takes(operation: Json, header: str) -> bool:
    """Return True if requests of an operation can have a header; ``header`` is in lower case."""
    return any(each["name"].lower() == header for each in operation.get("parameters", []))


_COMMON = (
    _Common((InternalError, Busy), "all", lambda *_: True),
    # A public route refuses a wrong credential too.
    _Common((Unauthenticated,), "all but the webhooks of providers", lambda route, _: route.who is not Who.PROVIDER),
    _Common(
        (Forbidden,),
        "all for guests, managers, owners and admins",  # scanner is the lowest role of a member
        lambda route, _: route.who in {Who.GUEST, Who.MANAGER, Who.OWNER, Who.ADMIN},
    ),
    _Common(
        (SecondFactorRequired,),
        "all for scanners, managers, owners and admins",
        lambda route, _: route.who in {Who.SCANNER, Who.MANAGER, Who.OWNER, Who.ADMIN},
    ),
    _Common(
        (NotFound,),
        "all for guests, scanners, managers and owners",
        lambda route, _: route.who in {Who.GUEST, Who.SCANNER, Who.MANAGER, Who.OWNER},
    ),
    _Common(
        (PasswordChangeNeeded,),
        "all that need an account, but those that change the password or log out",
        lambda route, _: not route.access.is_open_to_old_passwords,
    ),
    _Common((OutOfScope,), "all that API keys may call", lambda route, _: route.access.scope is not None),
    _Common(
        (AccountNeeded,),
        "all that no API key or no door device may call, but the webhooks of providers",
        lambda route, _: (
            route.who is not Who.PROVIDER and (route.access.scope is None or route.access.devices is Devices.NEVER)
        ),
    ),
    _Common(
        (OutsideDoorPass,),
        "all that door devices may call",
        lambda route, _: route.access.devices is not Devices.NEVER,
    ),
    _Common((StaleVersion,), "all with `If-Match`", lambda _, operation: takes(operation, "if-match")),
    _Common(
        (Malformed, TooLarge),
        "all with a body",
        lambda route, operation: "requestBody" in operation or route.who is Who.PROVIDER,
    ),
    _Common(
        (UnsupportedMediaType,),
        "all with a body, but the webhooks of providers",
        lambda _, operation: "requestBody" in operation,
    ),
    _Common(
        (Invalid,),
        "all but webhooks, and pages without parameters",
        lambda route, operation: route.is_strict or "requestBody" in operation or bool(operation.get("parameters")),
    ),
    _Common((KeyReused,), "all with an `Idempotency-Key`", lambda _, operation: takes(operation, "idempotency-key")),
)


def errors_of(route: Route, operation: Json) -> list[ErrorType]:
    """Return every error that an operation can answer, each code once."""
    return list(dict.fromkeys(_documented(error) for error in (*common_of(route, operation), *route.raises)))


def common_of(route: Route, operation: Json) -> list[ErrorType]:
    """Return the errors that an operation has because of its parameters and its callers."""
    return [error for each in _COMMON if each.applies(route, operation) for error in each.errors]


def _documented(error: ErrorType) -> ErrorType:
    """Return the class that defines the code of an error, or the error itself if it adds facts."""
    owner = next(parent for parent in error.__mro__ if issubclass(parent, DomainError) and "code" in vars(parent))
    return owner if owner.declared == error.declared else error


def groups_of(route: Route, operation: Json) -> dict[int, list[ErrorType]]:
    """Return the errors that an operation can answer, by status. Those of a status are in the order of their names."""
    grouped: dict[int, list[ErrorType]] = defaultdict(list)
    for error in sorted(errors_of(route, operation), key=lambda error: error.__name__):
        grouped[error.status].append(error)
    return dict(sorted(grouped.items()))


def responses_of(route: Route, operation: Json, shared: Container[str]) -> Json:
    """Return the error responses of an operation by status.

    Args:
        shared: the names of responses that several operations have. Those are components.
    """
    responses: Json = {}
    for status, errors in groups_of(route, operation).items():
        name = name_of(errors)
        if status in route.other_statuses:
            responses[str(status)] = _response(errors, sure=False)
            responses[str(status)]["content"] |= operation["responses"]["200"]["content"]
        elif name in shared:
            responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
        else:
            responses[str(status)] = _response(errors)
    return responses


def name_of(errors: Iterable[ErrorType]) -> str:
    """Return the name of the response that has one of some errors."""
    return "Or".join(error.__name__ for error in errors)


def components_of(groups: Iterable[list[ErrorType]]) -> Json:
    """Return the components that `responses_of` refers to, for all groups of errors that operations have."""
    by_name = {name_of(errors): errors for errors in groups}
    shown = sorted({error for errors in by_name.values() for error in errors}, key=lambda error: error.__name__)
    models = [_model(error) for error in shown]
    template = "#/components/schemas/{model}"
    facts = models_json_schema([(model, "serialization") for model in models], ref_template=template)[1]["$defs"]
    schemas = {error.__name__: _schema(error, facts.pop(error.__name__)) for error in shown}
    return {
        "schemas": {"Problem": PROBLEM, **facts, **schemas},
        "responses": {name: _response(errors) for name, errors in sorted(by_name.items())},
        "headers": {name: HEADERS[name] for name in RATE_LIMIT},
    }


def _model(error: ErrorType) -> type[BaseModel]:
    fields: Json = {name: (kind, ...) for name, kind in error.declared.items()}
    return create_model(error.__name__, **fields)


def _schema(error: ErrorType, facts: Json) -> Json:
    """Return the schema of a problem document with this code and its facts."""
    # Enums of one value, since generators of clients can merge those with the types in Problem, and no `const`.
    properties: Json = {
        "status": {"type": "integer", "enum": [error.status]},
        "code": {"type": "string", "enum": [error.code]},
    }
    for name, fact in facts.get("properties", {}).items():
        properties[name] = {key: value for key, value in fact.items() if key != "title"}
    own = {"type": "object", "required": [*properties], "properties": properties}
    text = f"{error.meaning} {error.remedy}"
    return {"description": text, "allOf": [{"$ref": "#/components/schemas/Problem"}, own]}


def _response(errors: list[ErrorType], *, sure: bool = True) -> Json:
    """Return a response that has one of some errors. If that is not ``sure``, none of its headers need be there."""
    refs = {error.code: f"#/components/schemas/{error.__name__}" for error in errors}
    schema: Json = {"$ref": refs[errors[0].code]}
    if len(errors) > 1:
        one_of = [{"$ref": ref} for ref in refs.values()]
        schema = {"oneOf": one_of, "discriminator": {"propertyName": "code", "mapping": refs}}
    lines = [f"- `{error.code}`: {error.meaning}" for error in errors]
    described = "\n".join([HTTPStatus(errors[0].status).phrase, "", *lines])
    response: Json = {"description": described, "content": {MEDIA_TYPE: {"schema": schema}}}
    if headers := _headers_of(errors, sure=sure):
        response["headers"] = headers
    return response


def _headers_of(errors: list[ErrorType], *, sure: bool) -> Json:
    """Return the headers of a response that has one of some errors."""
    waits = ["retry_after" in error.declared for error in errors]
    headers: Json = {}
    if errors[0].status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = {**HEADERS["WWW-Authenticate"], "required": True}
    if any(waits):
        headers["Retry-After"] = HEADERS["Retry-After"] | ({"required": True} if sure and all(waits) else {})
    if errors[0].status == HTTPStatus.TOO_MANY_REQUESTS:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_LIMIT}
    return headers


_PAGE = """\
# Error codes

Generated from the code by `make openapi`.

An error is a problem document (RFC 9457, `application/problem+json`):

```json
{
  "type": "urn:boxoffice:problem:quantity_too_low",
  "title": "Conflict",
  "status": 409,
  "detail": "12 are sold, held or redeemed already. Set a quantity of 12 at least.",
  "code": "quantity_too_low",
  "request_id": "…",
  "taken": 12
}
```

`code` is for programs: one code means one thing, whatever operation answers it. `detail` is for people: what is wrong,
then what to do. The facts stand beside them, here `taken`. The OpenAPI document lists the codes of each operation, with
the types of their facts. In the table, a name in braces stands for the fact.

The code `invalid` is for a request that has wrong fields, parameters or headers. `detail` tells the first error.
`errors` lists up to 20, each with its place (`loc`) and what must stand there (`msg`). `more_errors` counts the rest.

| code | status | meaning | what to do | facts | where |
|---|---|---|---|---|---|
"""


def page(operations: Iterable[tuple[Route, Json]]) -> str:
    """Return the text of docs/errors.md."""
    shown: dict[str, dict[ErrorType, None]] = defaultdict(dict)
    where = defaultdict(list, {error.code: [each.where] for each in _COMMON for error in each.errors})
    for route, operation in operations:
        for error in errors_of(route, operation):
            shown[error.code][error] = None
        common = {error.code for error in common_of(route, operation)}
        for code in dict.fromkeys(error.code for error in route.raises if error.code not in common):
            where[code].append(f"`{route.function.__name__}`")
    return _PAGE + "".join(_row([*shown[code]], where[code]) for code in sorted(shown))


def _row(errors: list[ErrorType], where: list[str]) -> str:
    error = errors[0]
    named = sorted((", ".join(f"`{name}`" for name in each.declared) for each in errors), key=len)
    facts = named[0] if len(named) == 1 else " or ".join(each or "none" for each in named)
    cells = [f"`{error.code}`", str(error.status), error.meaning, error.remedy, facts, ", ".join(where)]
    return f"| {' | '.join(cells)} |\n"
