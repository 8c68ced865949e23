"""Compares every answer that a test gets with the OpenAPI document.

`check` does that, and remembers the answer. At the end of a run of the whole suite, `Coverage` lists the answers that
the document declares and no test got.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator, Registry

from tests.helpers.secret_marks import secrets_in

_DOCUMENT = "urn:boxoffice:openapi"
_INTERNAL_ERROR = "internal_error"

FOR_PROGRAMS = {
    "etag",
    "idempotent-replayed",
    "location",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
}
CREDENTIALS = {"authorization", "x-api-key", "x-order-token"}

_CACHED = r"no-cache|max-age=300|public, max-age=\d+(, stale-while-revalidate=\d+)?"

type AnswerKind = tuple[str, int, str]
"""An operation, a status, and the code of the error. A success has an empty code."""

_seen: set[AnswerKind] = set()
_internal_errors_expected = False


@cache
def document() -> dict[str, Any]:
    """Return the committed document."""
    from boxoffice import openapi  # once the environment is as a function finds it

    return dict(json.loads(openapi.committed()))


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Compare an answer with the document. ``headers`` have names in lower case.

    Raises:
        AssertionError: the document names no such answer, or it has a secret, or it is a 500 that the test does not
            provoke.
    """
    assert not secrets_in(body.decode(errors="replace")), f"{method} {path} answers a secret"
    route = _find(method, path)
    if route is None:
        assert (status, json.loads(body)["code"]) == (404, "not_found"), f"{method} {path} is not in the document"
        return
    template, name = route
    answer = f"{name} answers {status}: {body[:1000].decode(errors='replace')}"
    response = _response(template, method, str(status))
    assert response is not None, f"{answer}\n{status} is not declared"
    _check_declared_headers(response.get("headers", {}), status, headers, answer)
    if "content" not in response:
        assert not body, f"{answer}\nwhere nothing is declared"
        _seen.add((name, status, ""))
        return
    media_type = headers["content-type"].partition(";")[0]
    assert media_type in response["content"], f"{answer}\n{media_type} is not declared"
    content = _check_content(template, method, status, media_type, body, answer)
    code = content["code"] if media_type == "application/problem+json" else ""
    assert code != _INTERNAL_ERROR or _internal_errors_expected, answer
    _seen.add((name, status, code))


def check_headers(method: str, path: str, sent: dict[str, str], headers: dict[str, str]) -> None:
    """Check what an answer says to browsers and caches.

    Args:
        sent: the headers of the request.
        headers: the headers of the answer. All names are in lower case.
    """
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = set(headers["content-security-policy"].split("; "))
    assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "object-src 'none'"} <= policy
    _check_caching(method, path, sent, headers)
    assert "set-cookie" not in headers
    content_type = headers.get("content-type", "")
    assert "charset=utf-8" in content_type or not (content_type.startswith("text/") or "+xml" in content_type)


def _check_caching(method: str, path: str, sent: dict[str, str], headers: dict[str, str]) -> None:
    """Check that no cache keeps what is not for everybody, and that an ETag says the version and what is shown."""
    operation = _operation(method, path)
    is_public = operation.get("x-who", "public") == "public" and not sent.keys() & CREDENTIALS
    cached = headers["cache-control"]
    assert cached == "no-store" or (is_public and re.fullmatch(_CACHED, cached)), f"{method} {path}: {cached}"
    if headers["cache-control"] != "no-store" and "x-scope" in operation:
        assert headers["vary"] == "Authorization, X-Api-Key"  # members and their keys see more
    tag = headers.get("etag")
    assert tag is None or tag.startswith("W/") or re.fullmatch(r'"\d+\.[0-9a-f]{24}"', tag), tag


def _operation(method: str, path: str) -> dict[str, Any]:
    route = _find(method, path)
    return dict(document()["paths"][route[0]][method.lower()]) if route else {}


def _check_declared_headers(declared: dict[str, Any], status: int, headers: dict[str, str], answer: str) -> None:
    """Check that the answer has the headers that the document requires, and of those for programs no others."""
    described = {name.lower(): _resolved(header) for name, header in declared.items()}
    missing = [name for name, header in described.items() if header.get("required") and name not in headers]
    assert not missing, f"{answer}\nwithout {missing}"
    for name in headers.keys() & described.keys():
        schema, value = described[name]["schema"], headers[name]
        assert schema.get("type") != "integer" or int(value) >= schema["minimum"], f"{answer}\n{name}: {value}"
        assert value == schema.get("const", value), f"{answer}\n{name}: {value}"
    if status < 400 or status in (429, 503):
        undeclared = headers.keys() & FOR_PROGRAMS - described.keys()
        assert not undeclared, f"{answer}\nwith {undeclared}"


@contextmanager
def internal_errors_expected() -> Iterator[None]:
    """Let a 500 pass, since the test provokes it."""
    global _internal_errors_expected
    _internal_errors_expected = True
    try:
        yield
    finally:
        _internal_errors_expected = False


def declared() -> set[AnswerKind]:
    """Return the kinds of answers that the document names."""
    kinds: set[AnswerKind] = set()
    for template, methods in document()["paths"].items():
        for method, operation in methods.items():
            for status in operation["responses"]:
                contents = (_response(template, method, status) or {}).get("content", {"": {}})
                for media_type, content in contents.items():
                    codes = _codes(content["schema"]) if media_type == "application/problem+json" else [""]
                    kinds |= {(operation["operationId"], int(status), code) for code in codes}
    return kinds


def _check_content(template: str, method: str, status: int, media_type: str, body: bytes, answer: str) -> Any:
    validator = _validator(template, method.lower(), str(status), media_type)
    if validator is None:
        return None
    content = json.loads(body)
    errors = [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(content)]
    assert not errors, f"{answer}\n{errors}"
    return content


@cache
def _find(method: str, path: str) -> tuple[str, str] | None:
    """Return the path's template and the operation's name, or None if the document has no such route."""
    for pattern, template in _patterns():
        if pattern.fullmatch(path) and method.lower() in document()["paths"][template]:
            return template, document()["paths"][template][method.lower()]["operationId"]
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return a pattern for each path. Literal paths come first, since `/v1/claims/scan` is not a claim's path."""
    templates = sorted(document()["paths"], key=lambda template: template.count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))), template) for template in templates]


@cache
def _response(template: str, method: str, status: str) -> dict[str, Any] | None:
    response: dict[str, Any] | None = document()["paths"][template][method.lower()]["responses"].get(status)
    return _resolved(response) if response else None


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    for name in node["$ref"].removeprefix("#/").split("/") if "$ref" in node else []:
        node = document()[name] if name == "components" else node[name]
    return node


def _codes(schema: dict[str, Any]) -> list[str]:
    if "oneOf" in schema:
        return [code for each in schema["oneOf"] for code in _codes(each)]
    return list(_resolved(schema)["allOf"][1]["properties"]["code"]["enum"])


@cache
def _validator(template: str, method: str, status: str, media_type: str) -> Draft202012Validator | None:
    """Return the validator of a body. Return None if the body is not JSON, or the document describes none."""
    response = document()["paths"][template][method]["responses"][status]
    pointer = response.get("$ref", f"#/paths/{_escaped(template)}/{method}/responses/{status}")
    if not media_type.endswith("json"):
        return None
    reference = f"{_DOCUMENT}{pointer}/content/{_escaped(media_type)}/schema"
    return Draft202012Validator({"$ref": reference}, registry=_registry(), validate_formats=True)


@cache
def webhook_validator(kind: str) -> Draft202012Validator:
    """Return the validator of the body of a type of webhook."""
    reference = f"{_DOCUMENT}#/webhooks/{kind}/post/requestBody/content/application~1json/schema"
    return Draft202012Validator({"$ref": reference}, registry=_registry(), validate_formats=True)


@cache
def _registry() -> Registry:
    return Registry([(_DOCUMENT, document())])


def _escaped(name: str) -> str:
    """Return a name as a part of a JSON Pointer in a URI (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


class Coverage:
    """Lists, after the whole suite, the answers that the document declares and no test got."""

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["answers"] = sorted(_seen)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        _seen.update(map(tuple, getattr(node, "workeroutput", {}).get("answers", [])))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or config.option.keyword:
            return
        unseen = sorted(each for each in declared() - _seen if each[2] != _INTERNAL_ERROR)
        terminalreporter.section(f"declared answers that no test got: {len(unseen)} of {len(declared())}")
        for name, status, code in unseen:
            terminalreporter.write_line(f"{name} {status} {code}".rstrip())
