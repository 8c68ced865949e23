"""Calls over HTTPS to services that answer with a small object of JSON, such as a provider of log-ins or challenges."""

import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from urllib3 import PoolManager


class NoAnswer(Exception):
    """The service does not answer in time, or not with an object."""


def call(
    method: str,
    url: str,
    *,
    timeout: float,
    largest: int,
    fields: dict[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    statuses: Collection[int] = (200, 400),
) -> tuple[int, dict[str, Any]]:
    """Send a form, or nothing, and return the status and the object of the answer. It follows no redirect.

    Args:
        timeout: in seconds, for the whole call.
        largest: how many bytes of the answer are read. An object that is cut off is none.
        statuses: those of the answers that mean something.

    Raises:
        NoAnswer: there is no such answer, or its status is another one.
    """
    import urllib3

    options: dict[str, Any] = {"redirect": False, "retries": False, "preload_content": False}
    sent = dict(headers or {})
    if fields:
        options["body"] = urlencode(fields)
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        response = _pool().request(method, url, headers=sent, timeout=urllib3.Timeout(total=timeout), **options)
        content = response.read(largest)
        response.release_conn()
        answer = json.loads(content)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
    if not isinstance(answer, dict) or response.status not in statuses:
        raise NoAnswer(f"status {response.status}")
    return response.status, answer


@cache
def _pool() -> "PoolManager":
    import urllib3

    return urllib3.PoolManager()
