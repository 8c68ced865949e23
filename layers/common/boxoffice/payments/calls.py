"""Calls to providers, several at once, so that a provider that hangs does not hold up the others."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from boxoffice.errors import Busy, DomainError
from boxoffice.observability import logger
from boxoffice.payments.errors import ProviderUnavailable

MAX_CONCURRENT_CALLS = 10


class AtProvider(Protocol):
    """What belongs to an account at a provider: a payment or a refund."""

    @property
    def provider(self) -> str: ...
    @property
    def merchant_id(self) -> UUID: ...


class UnexpectedAnswer(ProviderUnavailable):
    """The provider answers, but what it answers makes our code fail."""


def account_of(item: AtProvider) -> str:
    """The name of the account at a provider to which a payment or refund belongs."""
    return f"{item.provider}{item.merchant_id}"


def call_concurrently[T: AtProvider, R](call: Callable[[T], R], items: Sequence[T]) -> list[R | DomainError]:
    """Call a provider for each item. Returns each answer, or the error instead of it, in the order of the items."""

    def attempt(item: T) -> R | DomainError:
        try:
            return call(item)
        except DomainError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a provider can answer anything; the other calls must go on
            logger.exception("unexpected answer of a provider", extra={"provider": item.provider})
            return UnexpectedAnswer(f"{type(error).__name__}: {error}")

    if len(items) <= 1:
        return [attempt(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(MAX_CONCURRENT_CALLS, len(items))) as pool:
        return list(pool.map(attempt, items))


def unresponsive_accounts(items: Sequence[AtProvider], answers: Sequence[object]) -> set[str]:
    """The accounts that did not answer, so that they are left out of what this run still does."""
    return {
        account_of(item)
        for item, answer in zip(items, answers, strict=True)
        if isinstance(answer, (ProviderUnavailable, Busy)) and not isinstance(answer, UnexpectedAnswer)
    }
