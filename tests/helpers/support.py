"""A PostgreSQL server for tests, and a client that calls the functions as API Gateway does."""

import base64
import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg

from local.stack.postgres import Server
from local.stack.state import free_port
from tests.helpers import conformance

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Database:
    """How to connect to a database: as its owner, and as the functions do."""

    owner_url: str
    api_url: str


@contextmanager
def as_owner(conn: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Connect to the database of a connection, as its owner, who sees all rows."""
    parameters = conn.info.get_parameters() | {"user": "postgres"}
    with psycopg.connect(**parameters, autocommit=True) as owner:
        yield owner


class Postgres:
    """A server on a free port. It is fast, since it may lose its data if the machine crashes."""

    def __init__(self, directory: Path) -> None:
        options = {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "log_error_verbosity": "default",  # of a deadlock, both statements
            "log_line_prefix": "%m [%p] %d ",
        }
        self._server = Server(directory / "data", free_port(), options=options)

    def __enter__(self) -> "Postgres":
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def url(self, name: str, user: str = "postgres") -> str:
        """Return a connection string."""
        return self._server.url(name, user)

    def create(self, name: str, *, template: str = "template1") -> None:
        """Make a database as a copy of another."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    @contextmanager
    def clone(self) -> Iterator[Database]:
        """Yield a copy of the template database. Drop it at the end."""
        name = f"test_{uuid.uuid4().hex}"
        self.create(name, template="template")
        yield Database(self.url(name), self.url(name, "boxoffice_api"))
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def function(name: str) -> ModuleType:
    """Load a function's module from its file, as Lambda does."""
    (path,) = ROOT.glob(f"functions/*/{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@cache
def all_functions() -> dict[str, ModuleType]:
    """Load every function. Return the modules by name."""
    return {path.stem: function(path.stem) for path in sorted(ROOT.glob("functions/*/*.py"))}


def context(name: str = "function") -> Any:
    """Return a Lambda context."""
    return SimpleNamespace(
        function_name=name,
        function_version="$LATEST",
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
        aws_request_id=str(uuid.uuid4()),
        get_remaining_time_in_millis=lambda: 10_000,
    )


@dataclass(frozen=True)
class Answer:
    """An endpoint's response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The machine-readable code of a problem document."""
        return str(self.json["code"])

    @property
    def version(self) -> int:
        """The version in the ETag."""
        return int(self.headers["etag"].strip('"').partition(".")[0])


class Client:
    """Sends requests to the functions' handlers, in this process."""

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.request("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        account: UUID | None = None,
        order_token: str | None = None,
        key: str | None = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        address: str = "203.0.113.7",
    ) -> Answer:
        """Call an endpoint.

        Args:
            body: bytes and text are sent as they are, anything else as JSON.
            account: who calls, if the caller is logged in: in the session that `factories.open_session` made.
            order_token: the token of a guest.
            query: the query parameters. One that is a list is sent several times.
            key: the idempotency key; ``new`` makes one. A shorter name is filled up to the length that a key needs.
            address: the caller's IP address.
        """
        from boxoffice.access_tokens import issue_access_token

        sent = {"content-type": "application/json", **{name.lower(): text for name, text in (headers or {}).items()}}
        if account is not None:
            sent["authorization"] = f"Bearer {issue_access_token(account, account)}"
        if order_token is not None:
            sent["x-order-token"] = order_token
        if key is not None:
            sent["idempotency-key"] = str(uuid.uuid4()) if key == "new" else key.ljust(16, "-")
        return send(event_for(method, path, body, query or {}, sent, address))


def event_for(
    method: str, path: str, body: Any, query: dict[str, Any], headers: dict[str, str], address: str
) -> dict[str, Any]:
    """Return an event of API Gateway's HTTP API, payload format 2.0."""
    is_binary = isinstance(body, bytes)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query, doseq=True),
        "queryStringParameters": {
            name: ",".join(value) if isinstance(value, list) else str(value) for name, value in query.items()
        },
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": address, "userAgent": "test"},
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "isBase64Encoded": is_binary,
        **({} if body is None else {"body": _text_of(body)}),
    }


def _text_of(body: Any) -> str:
    if isinstance(body, bytes):
        return base64.b64encode(body).decode()
    return body if isinstance(body, str) else json.dumps(body)


def send(event: dict[str, Any]) -> Answer:
    """Hand an event to the shared handler.

    Raises:
        AssertionError: the OpenAPI document does not name such an answer.
    """
    from boxoffice.api import handler

    answer = handler(event, context())
    body = answer["body"] or ""
    if len(body) > 1_000_000:
        # Lambda's runtime writes an answer as JSON once more. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        assert len(json.dumps(answer, ensure_ascii=False).encode()) <= 6 << 20, "Lambda answers six megabytes at most"
    content = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
    headers = {name.lower(): text for name, text in answer["headers"].items()}
    plain = gzip.decompress(content) if headers.get("content-encoding") == "gzip" else content
    conformance.check(event["requestContext"]["http"]["method"], event["rawPath"], answer["statusCode"], headers, plain)
    conformance.check_headers(event["requestContext"]["http"]["method"], event["rawPath"], event["headers"], headers)
    return Answer(answer["statusCode"], headers, content)


def run_python(code: str, **env: str) -> subprocess.Popen[str]:
    """Start Python code in a process of its own, which a test can kill."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers/common")])
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **env, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def snake_case(name: str) -> str:
    """Return a CamelCase name in snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
