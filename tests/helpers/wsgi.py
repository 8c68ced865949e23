"""The functions behind WSGI, in this process: what API Gateway does to a request, without a server."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from tests.helpers.support import event_for, send


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    }
    headers.pop("accept-encoding", None)  # whoever reads the answers here does not unpack them
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


def _query(text: str) -> dict[str, str]:
    """Query parameters; API Gateway joins those of one name with commas."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(all_of_it) for name, all_of_it in values.items()}
