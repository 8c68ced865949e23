"""A WSGI application that calls the functions in this process, as API Gateway would."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from tests.helpers.support import event_for, send


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request by the function that serves it."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    headers.pop("accept-encoding", None)  # the tools that call this do not decompress answers
    answer = send(
        event_for(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"),
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or None,
            _query(environ["QUERY_STRING"]),
            headers,
            environ.get("REMOTE_ADDR", "203.0.113.7"),
        )
    )
    start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", [*answer.headers.items()])
    return [answer.body]


def _query(text: str) -> dict[str, list[str]]:
    """Return the query parameters."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return values
