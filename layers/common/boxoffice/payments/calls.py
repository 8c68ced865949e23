"""Calls to providers, several at once, so that one that hangs does not keep the others waiting."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from boxoffice.errors import Busy, DomainError
from boxoffice.observability import logger
from boxoffice.payments.errors import ProviderUnavailable

AT_ONCE = 10


class Concerned(Protocol):
    """What concerns an account at a provider."""

    @property
    def provider(self) -> str: ...
    @property
    def merchant_id(self) -> UUID: ...


def account_of(concerned: Concerned) -> str:
    """The name of an account at a provider."""
    return f"{concerned.provider}{concerned.merchant_id}"


def together[T: Concerned, R](call: Callable[[T], R], items: Sequence[T], silent: set[str]) -> list[R | DomainError]:
    """The answer to each call, or why there is none. Accounts that do not answer are added to ``silent``."""

    def attempt(item: T) -> R | DomainError:
        try:
            return call(item)
        except (ProviderUnavailable, Busy) as error:
            silent.add(account_of(item))
            return error
        except DomainError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a provider can answer anything; the other calls must go on
            logger.exception("unexpected answer of a provider", extra={"provider": item.provider})
            return ProviderUnavailable(f"{type(error).__name__}: {error}")

    if len(items) <= 1:
        return [attempt(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(attempt, items))
