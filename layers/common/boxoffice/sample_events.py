"""Sample events for `sam local invoke`, made from the examples and the OpenAPI document.

`python -m boxoffice.sample_events` writes events/<domain>/<function>.json for every function. With `--check` it writes
nothing, and exits with 1 if a file is out of date. With the names of functions it prints their events.
"""

import hashlib
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from boxoffice import openapi
from boxoffice.examples import Example, example_of, sample_names

_ROOT = Path(__file__).parents[3]
_ACCOUNT = "123456789012"
_CREDENTIALS = {
    "account": {"authorization": "Bearer <access token>"},
    "order_token": {"x-order-token": "<access_token of the order>"},
}


def sample_event(function: str) -> dict[str, Any]:
    """Return an event as AWS sends it to a function: a request, a batch of records, or a scheduled event."""
    example = example_of(function)
    if function in _operations():
        return _request(example, *_operations()[function])
    if example.message is not None:
        return {"Records": [_message(function, example.message)]}
    return example.event or _schedule(function)


@cache
def _operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return the method, the path and the description of every operation, by its id."""
    paths = json.loads(openapi.committed())["paths"].items()
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in paths
        for method, operation in methods.items()
    }


def _request(example: Example, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return an event of API Gateway's HTTP API, payload format 2.0."""
    raw_path = path.format(**example.path)
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": raw_path,
        "rawQueryString": urlencode(example.query),
        "headers": _headers(example, operation),
        "queryStringParameters": example.query,
        "pathParameters": example.path,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example.org",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "20/May/2027:12:00:00 +0000",
            "timeEpoch": 1810814400000,
        },
        "body": None if example.body is None else json.dumps(example.body),
        "isBase64Encoded": False,
    }
    left_out = [name for name in ("queryStringParameters", "pathParameters", "body") if not event[name]]
    return {name: value for name, value in event.items() if name not in left_out}


def _headers(example: Example, operation: dict[str, Any]) -> dict[str, str]:
    success = next(answer for status, answer in operation["responses"].items() if status < "400")
    headers = {
        "accept": next(iter(success.get("content", {})), "*/*"),
        "host": "api.example.org",
        "user-agent": "curl/8.5.0",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
        **_CREDENTIALS.get(next(iter(operation["security"][0]), ""), {}),
    }
    if example.body is not None:
        headers["content-type"] = "application/json"
    if any(parameter["name"].lower() == "idempotency-key" for parameter in operation.get("parameters", [])):
        headers["idempotency-key"] = f"{operation['operationId']}-{sample_names()['unique']}"
    return headers


def _message(function: str, message: Any) -> dict[str, Any]:
    """Return a record of SQS."""
    body = json.dumps(message)
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1810814400000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1810814400020",
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:{_ACCOUNT}:boxoffice-{function}",
        "awsRegion": "eu-west-1",
    }


def _schedule(function: str) -> dict[str, Any]:
    """Return an event of an EventBridge rule that runs on a schedule."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": _ACCOUNT,
        "time": sample_names()["now"],
        "region": "eu-west-1",
        "resources": [f"arn:aws:events:eu-west-1:{_ACCOUNT}:rule/boxoffice-{function}"],
        "detail": {},
    }


def main(arguments: list[str]) -> int:
    """Write the events of all functions, or check them, or print those of the named functions."""
    if arguments and arguments != ["--check"]:
        for name in arguments:
            print(_text(name), end="")
        return 0
    wanted = {_path(function): _text(function.stem) for function in _ROOT.glob("functions/*/*.py")}
    committed = {path: path.read_text() for path in _ROOT.glob("events/*/*.json")}
    if arguments:
        if wanted != committed:
            print("events/ is out of date: run make openapi", file=sys.stderr)
        return int(wanted != committed)
    for path in committed.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


def _path(function: Path) -> Path:
    return _ROOT / "events" / function.parent.name / f"{function.stem}.json"


def _text(name: str) -> str:
    return json.dumps(sample_event(name), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
