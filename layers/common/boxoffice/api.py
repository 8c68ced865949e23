"""The Lambda handler and the resolver of all endpoints, and the decorator that declares a route.

An endpoint's file has one function under ``@route``. The decorator says who may call it; the resolver identifies the
caller before it parses the request. What the function returns is the body of the answer. A domain error that it raises
becomes a problem document.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from http import HTTPStatus
from typing import Annotated, Any, NoReturn, cast
from urllib.parse import parse_qsl
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware
from aws_lambda_powertools.event_handler.openapi.compat import ModelField
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ValidationError

from boxoffice.answer import set_header, take_headers
from boxoffice.auth import Access, Caller, Devices, Who, approach, check_access, identify
from boxoffice.errors import (
    DomainError,
    InternalError,
    Invalid,
    Malformed,
    Moved,
    NotFound,
    NotModified,
    TooLarge,
    UnsupportedMediaType,
    rfc_3339,
)
from boxoffice.models import VISIBLE
from boxoffice.observability import security_event
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

# The headers by which a request says who sends it.
_NAME_A_CALLER = frozenset(("authorization", "x-api-key", "x-order-token"))

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=16,
        max_length=255,
        pattern=VISIBLE,
        description="A name for this request, so that its repeats have one effect. Nobody can guess it: a random UUID, "
        "or other 16 to 255 visible ASCII characters",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=100,
        description="The ETag that you read, or its version alone. A write is refused if the version has changed since",
    ),
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
    redirects: bool
    moves: bool
    compress: bool

    @property
    def who(self) -> Who:
        """Return who may call it."""
        return self.access.who

    @cached_property
    def sets_etag(self) -> bool:
        """Return True if its answers have an ETag: its function calls what sets one."""
        return not {"etag", "weak_etag"}.isdisjoint(self.function.__code__.co_names)

    @cached_property
    def is_strict(self) -> bool:
        """Return True if it refuses query parameters that it does not have.

        Others add some to the addresses of pages and redirects, and providers to those of webhooks.
        """
        return not (self.redirects or "text/html" in self.produces or self.who is Who.PROVIDER)

    @cached_property
    def vary(self) -> str:
        """Return the headers of a request on which the answer depends, as the header `Vary` lists them."""
        names = []
        if self.who is Who.PUBLIC and self.method == "GET" and self.access.scope is not None:
            names += ["Authorization", "X-Api-Key"]  # members and their programs see more than strangers
        if self.compress:
            names += ["Accept-Encoding"]
        return ", ".join(names)


ROUTES: list[Route] = []
_routes: dict[Callable[..., Any], Route] = {}


class _Middleware(OpenAPIRequestValidationMiddleware):
    """Identifies the caller before it validates the request, and completes the answer's headers."""

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        route = _routes.get(app.context["_route"].func)  # for an unknown path the resolver has a function of its own
        self._headers = headers = app.current_event.headers  # read once: each access makes them anew
        if route:
            if route.vary:
                set_header("Vary", route.vary)
            connected = app.current_event.request_context.http.source_ip
            sender = identify(route.access, headers, connected)
            app.append_context(caller=sender)
            check_access(route.access, sender)
            if (query := app.current_event.raw_query_string) and route.is_strict:
                _check_parameters(query, app.context["_route"].dependant.query_params)
        response = super().handler(app, next_middleware)
        if response.status_code in (204, 302):
            response.body = ""  # the resolver would send None as "null"
            response.headers.pop("Content-Type", None)
        response.headers.update(take_headers())
        if "ETag" in response.headers and route and route.who is Who.PUBLIC:
            response.headers.setdefault("Cache-Control", "no-cache")  # so that browsers ask with the ETag again
        return response

    def _get_body(self, app: Any) -> Any:  # noqa: ARG002 - Powertools calls it so
        content_type = self._headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType
        try:
            body = json.loads(raw_body(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Malformed(_unreadable(error)) from error
        if not isinstance(body, dict):  # Powertools would take the first element of a list for the body
            raise Invalid.at("body", because="must be a JSON object")
        return body


def _check_parameters(query: str, fields: list[ModelField]) -> None:
    """Check that a query has no parameter that the route does not have, and none twice.

    Raises:
        Invalid: it does.
    """
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    known = [field.alias for field in fields]
    if len(set(names)) < len(names) or not set(names) <= set(known):
        from boxoffice.validation import strange_parameters

        raise strange_parameters(names, known)


def _unreadable(error: Exception) -> str:
    """Return why a body cannot be read, and where."""
    match error:
        case json.JSONDecodeError():
            return f"The body is no JSON. {error.msg}: line {error.lineno}, column {error.colno}."
        case UnicodeDecodeError():
            return f"The body is not in UTF-8: byte {error.start + 1}."
        case RecursionError():
            return "The body has too many objects or arrays inside one another."
        case _:
            return f"The body is no JSON: {error}."


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"it has no number {constant}")


def _validate(field: ModelField, value: Any, *, loc: tuple[int | str, ...] = ()) -> tuple[Any, Any]:
    """Validate a part of a request or an answer. Return its value, or None and the first errors.

    Powertools copies each error of a body twice, and a body of 256 KB can have 30,000.
    """
    try:
        return field._type_adapter.validate_python(value, from_attributes=True), None
    except ValidationError as error:
        from boxoffice.validation import first_errors

        return None, first_errors(error, loc)


ModelField.validate = _validate  # type: ignore[assignment, method-assign]
app = APIGatewayHttpResolver(enable_validation=True, response_validation_error_http_code=500)
# Four bytes a character at the most. As `\\u0641` it would be seven or fourteen, and Lambda takes six megabytes.
app._serializer = partial(app._serializer, ensure_ascii=False)  # type: ignore[call-arg]
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
    moves: bool = False,
    cache_control: str | None = None,
    compress: bool = False,
    bodies: Mapping[int, type[BaseModel]] | None = None,
) -> Callable[[F], F]:
    """Declare an endpoint.

    Args:
        path: like ``/v1/orders/{order_id}``.
        scope: what an API key needs. Without one, no key may call the route.
        raises: its own errors. `boxoffice.problems` adds those that many endpoints have.
        produces: the media types of the answer, if it is not JSON. A route that has JSON among them names the body of
            that in `bodies`.
        other_statuses: that the answer can have, with the same kind of body.
        conditional: the answer has an ETag. If the request's If-None-Match has the same one, the answer is 304.
        moves: the answer is 308 if what the request names has another address now.
        cache_control: of the answer to whoever does not say who they are. Others keep no copy.
        compress: send the answer as gzip to clients that accept it.
        bodies: the bodies of the answer by status, if it has several. The function then returns a `Response`.
    """

    def register(function: F) -> F:
        access = Access(who, function.__name__, method == "GET", scope, devices)
        declared = Route(
            method,
            path,
            function,
            access,
            raises,
            produces,
            other_statuses,
            conditional,
            status == 302,
            moves,
            compress,
        )
        ROUTES.append(declared)
        _routes[function] = declared
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
    take_headers()  # what was set before has no request to answer
    try:
        answer = app.resolve(event, context)
    finally:
        flush()
    headers = _HEADERS | answer["headers"]
    if event["headers"].keys() & _NAME_A_CALLER:
        headers["Cache-Control"] = "no-store"  # whoever says who they are may see more than others
    content_type = headers.get("Content-Type", "")
    if content_type.startswith("text/") or content_type.endswith("+xml"):
        headers["Content-Type"] = f"{content_type}; charset=utf-8"
    answer["headers"] = headers
    if "ETag" in headers:
        _complete_tag(event, answer)
    return answer


def _complete_tag(event: dict[str, Any], answer: dict[str, Any]) -> None:
    """Add a tag of what the answer shows to the version in its ETag. Answer 304 if the client has just that."""
    headers = answer["headers"]
    if headers["ETag"].startswith("W/"):
        return  # whoever sets a weak one decides on 304 too
    shown = hashlib.sha256(answer["body"].encode()).hexdigest()[:24]
    headers["ETag"] = f'{headers["ETag"].rstrip('"')}.{shown}"'
    if_none_match = event["headers"].get("if-none-match", "")
    known = map(_strong, if_none_match.split(","))
    is_read = answer["statusCode"] == 200 and event["requestContext"]["http"]["method"] == "GET"
    if is_read and headers["ETag"] in known:
        answer |= {"statusCode": 304, "body": "", "isBase64Encoded": False}
        for name in ("Content-Type", "Content-Encoding"):
            headers.pop(name, None)


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


def etag(version: int) -> None:
    """Set the ETag of the answer to the version of the resource. The handler adds a tag of what the answer shows."""
    set_header("ETag", f'"{version}"')


def weak_etag(version: str) -> None:
    """Set a weak ETag of the answer, whose bytes may differ (gzip does)."""
    set_header("ETag", f'W/"{version}"')


def known_version(if_none_match: str | None) -> str | None:
    """Return the version that the client has, by its If-None-Match header; None without one."""
    return _strong(if_none_match).strip('"') if if_none_match else None


def expected_version(if_match: str | None) -> int | None:
    """Return the version that an If-Match header asks for; None if any version will do, -1 if no version matches."""
    if if_match is None or if_match.strip() == "*":
        return None
    version = _strong(if_match).strip('"').partition(".")[0]
    return int(version) if version.isdecimal() and len(version) < 10 else -1


def _strong(tag: str) -> str:
    """Return an ETag of a request without the mark of a weak one, and without the spaces around it."""
    return tag.strip().removeprefix("W/")


@app.exception_handler(DomainError)
def _domain_error(error: DomainError) -> Response[str]:
    if error.status >= 500:
        logger.error("cannot serve", exc_info=error)
    elif error.security_event:
        account = str(error.account_id) if error.account_id else None
        facts = {"code": error.code, "account_id": account, **_sender().for_log}
        security_event(error.security_event, facts)
    return _problem(error)


def _sender() -> Caller:
    """Return who sent the current request, or all that is known of them if their credential is wrong."""
    if identified := app.context.get("caller"):
        return cast(Caller, identified)
    event, route = app.current_event, _routes[app.context["_route"].func]
    return approach(route.access, event.headers, event.request_context.http.source_ip)


@app.exception_handler(NotModified)
def _not_modified(answer: NotModified) -> Response[str]:
    weak_etag(answer.version)
    return Response(status_code=304, body="", headers=take_headers())


@app.exception_handler(Moved)
def _moved(answer: Moved) -> Response[str]:
    return Response(status_code=308, body="", headers=take_headers() | {"Location": answer.location})


@app.exception_handler(RequestValidationError)
def _invalid(error: RequestValidationError) -> Response[str]:
    from boxoffice.validation import in_words

    fields = app.context["_route"].dependant.body_params
    model = fields[0].type_ if fields else None
    return _problem(in_words(error.errors(), model, raw_body))


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
    headers.pop("Idempotent-Replayed", None)  # the first answer was none like this
    if error.status >= 500:  # nobody knows how far the request came
        headers = {name: value for name, value in headers.items() if not name.startswith("RateLimit-")}
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
    return rfc_3339(fact) if isinstance(fact, datetime) else str(fact)
