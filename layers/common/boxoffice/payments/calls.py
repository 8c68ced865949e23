"""Call providers: one by HTTP, or several concurrently, so that one that hangs does not delay the others."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from boxoffice.errors import Busy, DomainError
from boxoffice.observability import count, logger
from boxoffice.payments.errors import ProviderBusy, ProviderUnavailable

if TYPE_CHECKING:
    from urllib3 import PoolManager

MAX_CONCURRENT_CALLS = 20
LARGEST_ANSWER = 1_000_000
"""How many bytes of an answer are read, unless somebody asks for more."""

_CONNECT_TIMEOUT, _TIMEOUT = 3.0, 10.0  # seconds
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1, 60  # seconds, after a 429


class AtProvider(Protocol):
    """A payment or a refund, which belongs to an account at a provider."""

    @property
    def provider(self) -> str: ...
    @property
    def merchant_id(self) -> UUID: ...


@dataclass(frozen=True)
class HttpAnswer:
    """What a provider answered, if that is no outage."""

    status: int
    content: bytes


def request(
    provider: str,
    method: str,
    url: str,
    body: dict[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    largest: int = LARGEST_ANSWER,
) -> HttpAnswer:
    """Send a request to a provider that has no client of its own. This ends within seconds.

    Args:
        largest: how many bytes of the answer are read.

    Raises:
        ProviderBusy: the provider got more calls than it allows.
        ProviderUnavailable: the provider does not answer, refuses our credentials, or has an internal error.
    """
    import urllib3

    options: dict[str, Any] = {"redirect": False, "retries": False, "preload_content": False}
    try:
        response = _pool().request(method, url, headers=headers, json=body, **options)
        content = response.read(largest)
        response.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise unavailable(provider, type(error).__name__) from error
    if response.status == 429:
        raise too_many_calls(provider, response.headers.get("Retry-After"))
    if response.status in (401, 403) or response.status >= 500:
        raise unavailable(provider, f"status {response.status}")
    return HttpAnswer(response.status, content)


def unavailable(provider: str, why: str) -> ProviderUnavailable:
    """Log why a provider gave no answer that we understand, and return the error."""
    logger.error("a provider does not answer as it should", extra={"provider": provider, "why": why})
    return ProviderUnavailable()


def too_many_calls(provider: str, retry_after: str | None) -> ProviderBusy:
    """Log that a provider got more calls than it allows, and return the error.

    Args:
        retry_after: the header of the provider's answer, if it has one.
    """
    logger.warning("a provider allows fewer calls", extra={"provider": provider, "retry_after": retry_after})
    count("ProviderTooManyCalls")
    seconds = int(retry_after) if retry_after and re.fullmatch(r"\d{1,9}", retry_after) else _SHORTEST_PAUSE
    return ProviderBusy(retry_after=min(max(seconds, _SHORTEST_PAUSE), _LONGEST_PAUSE))


@cache
def _pool() -> PoolManager:
    import urllib3

    return urllib3.PoolManager(maxsize=20, timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT, total=_TIMEOUT))


class UnexpectedAnswer(ProviderUnavailable):
    """The provider answered, but our code failed on the answer."""


@contextmanager
def understanding(provider: str) -> Iterator[None]:
    """Turn an error of our own code into `UnexpectedAnswer`: a provider can answer anything.

    Raises:
        DomainError: what the block raises, or that.
    """
    try:
        yield
    except DomainError:
        raise
    except Exception as error:
        logger.exception("unexpected answer of a provider", extra={"provider": provider})
        raise UnexpectedAnswer(f"{type(error).__name__}: {error}") from error


def account_of(item: AtProvider) -> str:
    """Return the name of the account to which a payment or refund belongs, as SQL writes it."""
    return f"{item.provider}{item.merchant_id}"


def call_concurrently[T: AtProvider, R](
    call: Callable[[T], R], items: Sequence[T], waits: Sequence[float | DomainError]
) -> list[R | DomainError]:
    """Call a provider for each item. Return each answer or the error instead of it, in the order of the items.

    Args:
        waits: how long to wait before each call, in seconds, or why it must not be made.
    """
    began = time.monotonic()

    def attempt(item: T, wait: float | DomainError) -> R | DomainError:
        if isinstance(wait, DomainError):
            return wait
        try:
            time.sleep(max(0.0, began + wait - time.monotonic()))
            with understanding(item.provider):
                return call(item)
        except DomainError as error:
            return error

    if len(items) <= 1:
        return [attempt(item, wait) for item, wait in zip(items, waits, strict=True)]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(MAX_CONCURRENT_CALLS, len(items))) as pool:
        return list(pool.map(attempt, items, waits))


def unresponsive_accounts(items: Sequence[AtProvider], answers: Sequence[object]) -> set[str]:
    """Return the accounts that did not answer, so that the rest of this run leaves them out."""
    return {
        account_of(item)
        for item, answer in zip(items, answers, strict=True)
        if isinstance(answer, (ProviderUnavailable, Busy)) and not isinstance(answer, UnexpectedAnswer)
    }
