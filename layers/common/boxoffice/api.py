"""The one resolver, the one Lambda handler, and how a route declares itself.

An endpoint's file holds one function under ``@route``. The decorator says who may call it; who does is settled before
the request is even parsed. What the function returns is the answer's body; what it raises becomes a problem document.
"""

import base64
import json
from collections.abc import Callable
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
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice.auth import Caller, Who, identify
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
from boxoffice.observability import flush, logger

MAX_BODY = 256 * 1024  # bytes

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Names this request",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=32, description="The ETag you read; the write is refused if it is stale"),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match", max_length=100, description="The ETag you read; 304 answers that nothing has changed"
    ),
]
PathId = Annotated[UUID, Path()]
Limit = Annotated[int, Query(ge=1, le=100, description="How many items a page holds at the most")]
Cursor = Annotated[str | None, Query(max_length=300, description="The `next_cursor` of the page before")]


@dataclass(frozen=True)
class Route:
    """What an endpoint declares: for the resolver, the OpenAPI document and the tests."""

    method: str
    path: str
    function: Callable[..., Any]
    who: Who
    raises: tuple[type[DomainError], ...]
    produces: tuple[str, ...]
    also: tuple[int, ...]
    conditional: bool


ROUTES: list[Route] = []
_who: dict[Callable[..., Any], Who] = {}


class _Gate(OpenAPIRequestValidationMiddleware):
    """Settles who calls before it looks at what they sent, and gives the answer its headers."""

    def handler(self, app: Any, next_middleware: NextMiddleware) -> Response[Any]:
        function = app.context["_route"].func
        if function in _who:  # an unknown path has a function of the resolver's own
            headers = app.current_event.headers
            source = app.current_event.request_context.http.source_ip
            caller = identify(_who[function], headers.get("authorization"), headers.get("x-order-token"), source)
            app.append_context(caller=caller)
        response = super().handler(app, next_middleware)
        if response.status_code == 204:
            response.body = ""  # None would be sent as JSON's null
            response.headers.pop("Content-Type", None)
        response.headers.update(app.context.get("headers", {}))
        if response.status_code == 200 and _is_known(app, response.headers.get("ETag")):
            response.status_code, response.body = 304, ""
            response.headers.pop("Content-Type", None)
        return response

    def _get_body(self, app: Any) -> Any:
        content_type = app.current_event.headers.get("content-type", "application/json")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaType
        try:
            return json.loads(raw_body(), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise Malformed from error


def _is_known(app: Any, tag: object) -> bool:
    """Whether the client has what is answered already: it read it with this ETag."""
    known = app.current_event.headers.get("if-none-match")
    is_read = app.current_event.request_context.http.method == "GET"
    return bool(is_read and known and tag in [each.strip().removeprefix("W/") for each in known.split(",")])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


app = APIGatewayHttpResolver(enable_validation=True, response_validation_error_http_code=500)
app._request_validation_middleware = _Gate()  # type: ignore[no-untyped-call]


def route[F: Callable[..., Any]](
    method: str,
    path: str,
    *,
    who: Who,
    status: int = 200,
    raises: tuple[type[DomainError], ...] = (),
    produces: tuple[str, ...] = (),
    also: tuple[int, ...] = (),
    conditional: bool = False,
    cache_control: str | None = None,
    compress: bool = False,
) -> Callable[[F], F]:
    """Declare an endpoint.

    Args:
        path: as in the template, like ``/v1/orders/{order_id}``.
        raises: its errors, beside those that follow from what it takes and from whom (`boxoffice.problems`).
        produces: the media types of the answer, where it is not JSON.
        also: other statuses that the same answer can have.
        conditional: the answer carries an ETag, and If-None-Match is answered by 304 while that stays the same.
        compress: whether the answer is large enough to be sent as gzip to those who accept it.
    """

    def register(function: F) -> F:
        ROUTES.append(Route(method, path, function, who, raises, produces, also, conditional))
        _who[function] = who
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
        )(function)

    return register


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The Lambda handler of every endpoint."""
    try:
        return app.resolve(event, context)
    finally:
        flush()


def caller() -> Caller:
    """Who sent the request in hand."""
    return cast(Caller, app.context["caller"])


def raw_body() -> bytes:
    """The body as it arrived.

    Raises:
        TooLarge: it is larger than any request of ours.
    """
    event = app.current_event
    body = (event.body or "").encode()
    if len(body) > MAX_BODY:
        raise TooLarge(max_bytes=MAX_BODY)
    return base64.b64decode(body) if event.is_base64_encoded else body


def request_header(name: str) -> str | None:
    """A header of the request in hand; ``name`` in lower case."""
    return app.current_event.headers.get(name)


def set_header(name: str, value: str) -> None:
    """Give the answer to the request in hand a header."""
    app.context.setdefault("headers", {})[name] = value


def binary(content: bytes, media_type: str) -> Response[str]:
    """An answer in bytes. They leave as base64: so API Gateway wants them, and so the validation lets them pass."""
    response = Response(status_code=200, content_type=media_type, body=base64.b64encode(content).decode())
    response.base64_encoded = True
    return response


def etag(version: int) -> str:
    """The ETag of a resource's version, also set on the answer."""
    tag = f'"{version}"'
    set_header("ETag", tag)
    return tag


def weak_etag(version: str) -> str:
    """The ETag of what may be told in more than one way, compressed for one; also set on the answer."""
    tag = f'W/"{version}"'
    set_header("ETag", tag)
    return tag


def known_version(if_none_match: str | None) -> str | None:
    """The version that an If-None-Match header says the caller has."""
    return if_none_match.strip().removeprefix("W/").strip('"') if if_none_match else None


def expected_version(if_match: str | None) -> int | None:
    """The version that an If-Match header asks for; None if any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip().removeprefix("W/").strip('"')
    return int(tag) if tag.isdecimal() and len(tag) < 10 else -1


@app.exception_handler(DomainError)
def _fact(error: DomainError) -> Response[str]:
    if error.status >= 500:
        logger.error("cannot serve", exc_info=error)
    return _problem(error)


@app.exception_handler(NotModified)
def _not_modified(fact: NotModified) -> Response[str]:
    return Response(status_code=304, body="", headers={"ETag": weak_etag(fact.version)})


@app.exception_handler(RequestValidationError)
def _invalid(error: RequestValidationError) -> Response[str]:
    # The input is left out: it may hold a password.
    errors = [FieldError(loc=list(each["loc"]), msg=each["msg"], type=each["type"]) for each in error.errors()]
    return _problem(Invalid(errors=errors))


@app.exception_handler(NotFoundError)
def _no_such_route(_: NotFoundError) -> Response[str]:
    return _problem(NotFound("There is nothing at this path."))


@app.exception_handler(Exception)
def _unexpected(_: Exception) -> Response[str]:
    logger.exception("unexpected error")
    return _problem(InternalError())


def _problem(error: DomainError) -> Response[str]:
    """A problem document, RFC 9457."""
    document = {
        "type": f"urn:boxoffice:problem:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": app.current_event.request_context.request_id,
        **error.facts,
    }
    headers = dict(app.context.get("headers", {}))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    return Response(
        status_code=error.status,
        content_type="application/problem+json",
        body=json.dumps(document, default=_plain),
        headers=headers,
    )


def _plain(fact: object) -> str:
    """A fact as JSON has it: moments as RFC 3339 in UTC, as in every other answer."""
    return fact.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(fact, datetime) else str(fact)
