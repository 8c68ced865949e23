"""Keep the pace of providers: how many calls a second an account may make, for each operation.

Each call takes a turn: a moment at which it may start. The turns of an account follow each other at equal distances, as
in a leaky bucket. One row for each operation says when the next one is. To take a turn is one short statement. The
caller then sleeps until its turn, without a transaction or a lock. The database's clock counts, since those of
functions differ. A plain read refuses whoever would wait too long, so the row changes only as often as the pace allows.
"""

import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from math import ceil
from uuid import UUID

from boxoffice import db, sql
from boxoffice.errors import DomainError
from boxoffice.observability import logger
from boxoffice.payments import providers
from boxoffice.payments.calls import AtProvider
from boxoffice.payments.errors import ProviderBusy
from boxoffice.payments.merchants import credentials
from boxoffice.payments.models import METHODS_BY_HAND
from boxoffice.payments.providers import Operation, ProviderInfo

SQL = sql.queries("payments")

BUYERS_WAIT = 10.0
"""How long a buyer waits for a turn, in seconds. Beyond that they are asked to come back later."""

JOBS_WAIT = 5.0
"""How long jobs and workers wait. They come back by themselves."""

ENDPOINTS_WAIT = 2.0
"""How long an endpoint waits that sends a refund right after its commit. Else a worker sends it."""

_SHARES: dict[Operation, float] = {"create": 1 / 2, "fetch": 1 / 4, "refund": 1 / 4}
"""How the operations share what an account may do. Half of it is for buyers who start to pay."""

_PACE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")  # calls a second
_LATEST_RETURN = 300  # seconds after which somebody who was refused comes back at the latest


@contextmanager
def keep(
    conn: db.Connection, info: ProviderInfo, merchant_id: UUID, operation: Operation, longest_wait: float
) -> Iterator[float]:
    """Wait for a turn, then run the block, which makes one call. Yield how long it waited, in seconds.

    If the provider says that it got too many calls, the turns after this one move on.

    Raises:
        ProviderBusy: the wait would be too long, or the provider got too many calls.
    """
    wait = take_turns(conn, info, merchant_id, operation, 1, longest_wait)
    time.sleep(wait)
    try:
        yield wait
    except ProviderBusy as busy:
        slow_down(conn, info.name, merchant_id, operation, busy.retry_after)
        raise


def take_turns(
    conn: db.Connection,
    info: ProviderInfo,
    merchant_id: UUID,
    operation: Operation,
    turns: int,
    longest_wait: float,
) -> float:
    """Take some turns, one after the other. Return how long to wait for the first one, in seconds.

    Raises:
        ProviderBusy: the wait for the first turn would be too long. No turn is taken.
    """
    interval = interval_of(info, merchant_id, operation)
    if not interval:
        return 0.0
    names = {"provider": info.name, "merchant_id": merchant_id, "operation": operation}
    wait = db.value(conn, SQL.get_wait, **names) or 0.0
    if wait <= longest_wait:
        taken = {"longest_wait": timedelta(seconds=longest_wait), "distance": timedelta(seconds=turns * interval)}
        taken_wait = db.value(conn, SQL.take_turns, **names, **taken)
        if taken_wait is not None:
            return max(0.0, float(taken_wait))
        wait = longest_wait  # others have taken the last turns since we looked
    raise ProviderBusy(retry_after=ceil(wait))


def take_turns_for(
    conn: db.Connection, items: Sequence[AtProvider], operation: Operation, longest_wait: float = JOBS_WAIT
) -> list[float | DomainError]:
    """Take a turn for each payment or refund. Return how long each has to wait, or why it has no turn.

    If an account has none, since its secret cannot be read, the others go on.

    Args:
        longest_wait: how long the first one of an account may wait, and how much longer the last one.
    """
    numbers_of: dict[tuple[str, UUID], list[int]] = {}
    for number, item in enumerate(items):
        if item.provider not in METHODS_BY_HAND:
            numbers_of.setdefault((item.provider, item.merchant_id), []).append(number)
    waits: list[float | DomainError] = [0.0] * len(items)
    for (provider, merchant_id), numbers in numbers_of.items():
        count = len(numbers)
        try:
            taken = _take_turns_of(conn, providers.load(provider).INFO, merchant_id, operation, count, longest_wait)
        except DomainError as error:
            taken = [error] * count
        for number, wait in zip(numbers, taken, strict=True):
            waits[number] = wait
    return waits


def _take_turns_of(
    conn: db.Connection, info: ProviderInfo, merchant_id: UUID, operation: Operation, count: int, longest_wait: float
) -> list[float | DomainError]:
    """Take turns for calls to one account: as many as come soon enough.

    Raises:
        ProviderBusy: none comes soon enough.
        Busy: the account's secret cannot be read.
    """
    interval = interval_of(info, merchant_id, operation)
    turns = min(count, int(longest_wait / interval) + 1) if interval else count
    first = take_turns(conn, info, merchant_id, operation, turns, longest_wait)
    late = ProviderBusy(retry_after=ceil(turns * interval) or 1)
    return [first + turn * interval if turn < turns else late for turn in range(count)]


def slow_down_for(
    conn: db.Connection, items: Sequence[AtProvider], answers: Sequence[object], operation: Operation
) -> None:
    """Move the turns of each account on whose provider has got too many calls."""
    pauses: dict[tuple[str, UUID], int] = {}
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, ProviderBusy):
            account = item.provider, item.merchant_id
            pauses[account] = max(pauses.get(account, 0), answer.retry_after)
    for (provider, merchant_id), pause in pauses.items():
        slow_down(conn, provider, merchant_id, operation, pause)


def slow_down(conn: db.Connection, provider: str, merchant_id: UUID, operation: Operation, pause: float) -> None:
    """Move the next turn on, so that it is not before the pause is over. Turns that are taken stay as they are."""
    names = {"provider": provider, "merchant_id": merchant_id, "operation": operation}
    db.run(conn, SQL.slow_down, **names, pause=timedelta(seconds=pause))


def interval_of(info: ProviderInfo, merchant_id: UUID, operation: Operation) -> float:
    """Return the time between two turns, in seconds. 0 if the provider allows any number of calls.

    The secret of the account may have the fields ``account_pace`` and ``endpoint_pace``, if the provider allows it
    another pace than others.
    """
    account = credentials(merchant_id, info.name)
    per_account = _pace_in(account, "account_pace") or info.pace.account
    per_endpoint = _pace_in(account, "endpoint_pace") or info.pace.endpoint
    return 1 / min(per_endpoint, per_account * _SHARES[operation])


def _pace_in(account: dict[str, str], field: str) -> float | None:
    """Return the pace that a field of a secret sets. None if there is none, or if it is no pace."""
    value = str(account.get(field) or "")
    if _PACE.fullmatch(value) and float(value):
        return float(value)
    if value:
        logger.error("a secret has a pace that is no number", extra={"field": field})
    return None


def return_in(conn: db.Connection, info: ProviderInfo, merchant_id: UUID, busy: ProviderBusy) -> int:
    """Return when a buyer who was refused should come back, in seconds. It is random.

    All who wait spread over the time that the provider needs for all of them. So they neither come back at once, nor
    is the provider idle while somebody waits.
    """
    waiting = db.value(conn, SQL.count_waiting_payments, provider=info.name, merchant_id=merchant_id)
    seconds_needed = waiting * interval_of(info, merchant_id, "create")
    wait = busy.retry_after / 2 + random.uniform(0, seconds_needed)  # noqa: S311 - nobody gains by guessing it
    return min(max(ceil(wait), 1), _LATEST_RETURN)
