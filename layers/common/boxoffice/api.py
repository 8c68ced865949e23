"""The Lambda handler and the resolver of all endpoints, and the decorator that declares a route.

An endpoint's file has one function under ``@route``. The decorator says who may call it; the resolver identifies the
caller before it parses the request. What the function returns is the body of the answer. A domain error that it raises
becomes a problem document.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, NoReturn, cast
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from boxoffice.answer import set_header, take_headers
from boxoffice.auth import Access, Caller, Devices, Who, identify
from boxoffice.errors import (
    DomainError,
    FieldError,
    InternalError,
    Invalid,
    Malformed,
    NotFound,
    NotModified,
    TooLarge,
    UnsupportedMediaType,
)
from boxoffice.scopes import Scope
from boxoffice.telemetry import flush, logger

MAX_BODY = 256 * 1024  # bytes

# What an answer says to browsers, unless its route says otherwise. Come by TLS alone, keep no copy, and neither guess,
# frame nor run anything in it.
_HEADERS = {
    "Cache-Control": "no-store",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
}

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=16,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name for this request, so that its repeats have one effect. Nobody can guess it: a random UUID, "
        "or other 16 to 255 visible ASCII characters",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=32, description="The ETag that you read; a write with a stale one is refused"),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=100,
        description="The ETag that you read; the answer is 304 if nothing has changed",
    ),
]
PathId = Annotated[UUID, Path()]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items a page has at the most")]
Cursor = Annotated[str | None, Query(max_length=300, description="The `next_cursor` of the previous page")]


@dataclass(frozen=True)
class Route:
    """What an endpoint declares: for the resolver, the OpenAPI document and the tests."""

    method: str
    path: str
    function: Callable[..., Any]
    access: Access
    raises: tuple[type[DomainError], ...]
    produces: tuple[str, ...]
    other_statuses: tuple[int, ...]
    conditional: bool

    @property
    def who(self) -> Who:
        """Return who may call it."""
        return self.access.who


ROUTES: list[Route] = []
_access: dict[Callable[..., Any], Access] = {}


class _Middleware(OpenAPIRequestValidationMiddleware):
    """Identifies the caller before it validates the request, and completes the answer's headers."""

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        function = app.context["_route"].func
        self._headers = headers = app.current_event.headers  # read once: each access makes them anew
        if function in _access:  # for an unknown path the resolver has a function of its own
            connected = app.current_event.request_context.http.source_ip
            caller = identify(_access[function], headers, connected)
            app.append_context(caller=caller)
        response = super().handler(app, next_middleware)
        if response.status_code in (204, 302):
            response.body = ""  # the resolver would send None as "null"
            response.headers.pop("Content-Type", None)
        response.headers.update(take_headers())
        if "ETag" in response.headers and _is_for_everybody(headers, function):
            response.headers.setdefault("Cache-Control", "no-cache")  # so that browsers ask with the ETag again
        if response.status_code == 200 and _client_has(app, headers, response.headers.get("ETag")):
            response.status_code, response.body = 304, ""
            response.headers.pop("Content-Type", None)
        return response

    def _get_body(self, app: Any) -> Any:  # noqa: ARG002 - Powertools calls it so
        content_type = self._headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType
        try:
            body = json.loads(raw_body(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Malformed from error
        if not isinstance(body, dict):  # Powertools would take the first element of a list for the body
            raise Invalid.at("body", because="must be a JSON object")
        return body


def _is_for_everybody(headers: Mapping[str, str], function: Callable[..., Any]) -> bool:
    """Return True if anybody would get the same answer: the route is public, and nobody says who they are."""
    return _access[function].who is Who.PUBLIC and "authorization" not in headers and "x-api-key" not in headers


def _client_has(app: Any, headers: Mapping[str, str], tag: object) -> bool:
    """Return True if this is a read, and the client says that it has the answer with this ETag already."""
    if_none_match = headers.get("if-none-match", "")
    is_read = app.current_event.request_context.http.method == "GET"
    return is_read and tag in [each.strip().removeprefix("W/") for each in if_none_match.split(",")]


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


app = APIGatewayHttpResolver(enable_validation=True, response_validation_error_http_code=500)
app._request_validation_middleware = _Middleware()  # type: ignore[no-untyped-call]


def route[F: Callable[..., Any]](
    method: str,
    path: str,
    *,
    who: Who,
    scope: Scope | None = None,
    devices: Devices = Devices.NEVER,
    status: int = 200,
    raises: tuple[type[DomainError], ...] = (),
    produces: tuple[str, ...] = (),
    other_statuses: tuple[int, ...] = (),
    conditional: bool = False,
    cache_control: str | None = None,
    compress: bool = False,
    bodies: Mapping[int, type[BaseModel]] | None = None,
) -> Callable[[F], F]:
    """Declare an endpoint.

    Args:
        path: like ``/v1/orders/{order_id}``.
        scope: what an API key needs. Without one, no key may call the route.
        raises: its own errors. `boxoffice.problems` adds those that many endpoints have.
        produces: the media types of the answer, if it is not JSON.
        other_statuses: that the answer can have, with the same kind of body.
        conditional: the answer has an ETag. If the request's If-None-Match has the same one, the answer is 304.
        compress: send the answer as gzip to clients that accept it.
        bodies: the bodies of the answer by status, if it has several. The function then returns a `Response`.
    """

    def register(function: F) -> F:
        access = Access(who, function.__name__, method == "GET", scope, devices)
        ROUTES.append(Route(method, path, function, access, raises, produces, other_statuses, conditional))
        _access[function] = access
        rule = path.replace("{", "<").replace("}", ">")
        doc = (function.__doc__ or "").strip()
        return app.route(
            rule,
            method,
            summary=doc.partition("\n")[0].rstrip("."),
            description=doc,
            operation_id=function.__name__,
            status_code=status,
            cache_control=cache_control,
            compress=compress,
            responses={status: _described(body) for status, body in bodies.items()} if bodies else None,
        )(function)

    return register


def _described(body: type[BaseModel]) -> OpenAPIResponse:
    return {"description": "Successful Response", "content": {"application/json": {"model": body}}}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer a request: the Lambda handler of every endpoint."""
    try:
        answer = app.resolve(event, context)
    finally:
        flush()
    headers = _HEADERS | answer["headers"]
    if "x-api-key" in event["headers"] and headers["Cache-Control"] != "no-store":
        headers["Cache-Control"] = "private"  # a key may see more than others who ask a cache for the same
    content_type = headers.get("Content-Type", "")
    if content_type.startswith("text/") or content_type.endswith("+xml"):
        headers["Content-Type"] = f"{content_type}; charset=utf-8"
    answer["headers"] = headers
    return answer


def caller() -> Caller:
    """Return whoever sent the current request."""
    return cast(Caller, app.context["caller"])


def raw_body() -> bytes:
    """Return the body of the current request as it arrived.

    Raises:
        TooLarge: the body is larger than `MAX_BODY`.
    """
    event = app.current_event
    body = (event.body or "").encode()
    if len(body) > MAX_BODY:
        raise TooLarge(max_bytes=MAX_BODY)
    return base64.b64decode(body) if event.is_base64_encoded else body


def request_header(name: str) -> str | None:
    """Return a header of the current request; ``name`` is in lower case."""
    return app.current_event.headers.get(name)


def binary(content: bytes, media_type: str) -> Response[str]:
    """Return an answer of bytes, as base64: API Gateway wants that, and the response validation accepts only text."""
    response = Response(status_code=200, content_type=media_type, body=base64.b64encode(content).decode())
    response.base64_encoded = True
    return response


def etag(version: int) -> str:
    """Return the ETag of a resource's version, and set it on the answer."""
    tag = f'"{version}"'
    set_header("ETag", tag)
    return tag


def weak_etag(version: str) -> str:
    """Return a weak ETag, for an answer whose bytes may differ (gzip does), and set it on the answer."""
    tag = f'W/"{version}"'
    set_header("ETag", tag)
    return tag


def known_version(if_none_match: str | None) -> str | None:
    """Return the version that the client has, by its If-None-Match header; None without one."""
    return if_none_match.strip().removeprefix("W/").strip('"') if if_none_match else None


def expected_version(if_match: str | None) -> int | None:
    """Return the version that an If-Match header asks for; None if any version will do, -1 if no version matches."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    return int(tag) if tag.isdecimal() and len(tag) < 10 else -1


@app.exception_handler(DomainError)
def _domain_error(error: DomainError) -> Response[str]:
    if error.status >= 500:
        logger.error("cannot serve", exc_info=error)
    elif error.status in (401, 403, 429):
        logger.info("refused", extra={"code": error.code, "operation": _operation(), **_actor()})
    return _problem(error)


def _operation() -> str:
    function = app.context["_route"].func
    return _access[function].operation if function in _access else ""


def _actor() -> dict[str, str]:
    """Return who sent the current request, for the log. The access log has the address, by the id of the request."""
    who: Caller | None = app.context.get("caller")
    return {"actor_kind": who.actor_kind, "actor_id": str(who.actor)} if who else {}


@app.exception_handler(NotModified)
def _not_modified(answer: NotModified) -> Response[str]:
    return Response(status_code=304, body="", headers={"ETag": weak_etag(answer.version), "Cache-Control": "no-cache"})


@app.exception_handler(RequestValidationError)
def _invalid(error: RequestValidationError) -> Response[str]:
    # The errors leave out the input, which may be a password.
    errors = [FieldError(loc=list(each["loc"]), msg=_in_words(each), type=each["type"]) for each in error.errors()]
    return _problem(Invalid(errors=errors))


def _in_words(error: dict[str, Any]) -> str:
    """Return what an error of Pydantic says, for readers who do not know Pydantic."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("too_short", "too_long") and isinstance(error["input"], str):
        # It calls the characters of a text items, once a validator of ours has seen the text.
        return re.sub(r"^Value (.*) items? after validation", r"Text \1 characters", message)
    return message


@app.exception_handler(NotFoundError)
def _no_such_route(_: NotFoundError) -> Response[str]:
    return _problem(NotFound("There is nothing at this path."))


@app.exception_handler(Exception)
def _unexpected(_: Exception) -> Response[str]:
    logger.exception("unexpected error")
    return _problem(InternalError())


def _problem(error: DomainError) -> Response[str]:
    """Return a problem document (RFC 9457)."""
    document = {
        "type": f"urn:boxoffice:problem:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": app.current_event.request_context.request_id,
        **error.facts,
    }
    headers = take_headers()
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    return Response(
        status_code=error.status,
        content_type="application/problem+json",
        body=json.dumps(document, default=_to_json),
        headers=headers,
    )


def _to_json(fact: object) -> str:
    """Return a fact as text: a time as RFC 3339 in UTC, as in every other answer."""
    if isinstance(fact, datetime):
        return fact.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(fact)
