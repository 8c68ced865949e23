"""Call providers concurrently, so that a provider that hangs does not delay the others."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from boxoffice.errors import Busy, DomainError
from boxoffice.observability import logger
from boxoffice.payments.errors import ProviderUnavailable

MAX_CONCURRENT_CALLS = 10


class AtProvider(Protocol):
    """A payment or a refund, which belongs to an account at a provider."""

    @property
    def provider(self) -> str: ...
    @property
    def merchant_id(self) -> UUID: ...


class UnexpectedAnswer(ProviderUnavailable):
    """The provider answered, but our code failed on the answer."""


def account_of(item: AtProvider) -> str:
    """Return the name of the account to which a payment or refund belongs, as SQL writes it."""
    return f"{item.provider}{item.merchant_id}"


def call_concurrently[T: AtProvider, R](call: Callable[[T], R], items: Sequence[T]) -> list[R | DomainError]:
    """Call a provider for each item. Return each answer or the error instead of it, in the order of the items."""

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
    """Return the accounts that did not answer, so that the rest of this run leaves them out."""
    return {
        account_of(item)
        for item, answer in zip(items, answers, strict=True)
        if isinstance(answer, (ProviderUnavailable, Busy)) and not isinstance(answer, UnexpectedAnswer)
    }
