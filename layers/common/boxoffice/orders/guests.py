"""What guests are asked for, and budgets of what they may have: tickets that are not paid yet, and free ones.

Anybody can call themself a guest, as often as they like. So a network, a mailbox and all guests together have budgets
in each event. Whoever logs in has none, nor has a shop's API key: the shop answers for its buyers. A guest who solves a
challenge, or shows the token that the waitlist sent to their address, has none either.

A hold counts from just before its order is placed, until the order is paid, cancelled or expired. A free order counts
for a day. If the order is refused, its hold is released. If the process dies in between, a job deletes the hold.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Literal
from uuid import UUID

import psycopg

from boxoffice import challenges, db, platform_settings, sql
from boxoffice.addresses import network_of
from boxoffice.mailboxes import mailbox_of
from boxoffice.orders.errors import ChallengeFailed, ChallengeNeeded, GuestBudgetReached
from boxoffice.orders.models import Cart, ChallengeOutcome, Purchase

SQL = sql.queries("orders")

DAY = timedelta(days=1)
_BATCH = 5000


@dataclass(frozen=True)
class _Hold:
    """A guest's hold that is short, or, if it has no end, why there is none."""

    refused_for: Literal["network", "mailbox", "event"]
    budget: int
    used: int
    retry_in: float
    hold_ends: str | None


@contextmanager
def admitted(conn: db.Connection, purchase: Purchase, challenge: ChallengeOutcome | None) -> Iterator[Purchase]:
    """Yield a guest's purchase, with the time for which it holds its stock. Runs in autocommit.

    If the block raises, the purchase does not count for the budgets.

    Raises:
        ChallengeNeeded, ChallengeFailed: the guest has to solve a challenge first.
        GuestBudgetReached: the guest has too much already.
    """
    _check_challenge(purchase.cart, challenge)
    if purchase.awaits_confirmation:
        most = timedelta(minutes=platform_settings.current(conn).confirmation_minutes)
        purchase = _until(purchase, min(purchase.order.expires_at, purchase.order.created_at + most))
    if challenge == "passed":
        yield purchase
        return
    until = _hold(conn, purchase)
    try:
        yield purchase if purchase.is_paid_at_once else _until(purchase, until)
    except Exception:
        with suppress(psycopg.Error):  # a job deletes what nobody can release now
            db.run(conn, SQL.release_guest_hold, order_id=purchase.order.id)
        raise


def _until(purchase: Purchase, time: datetime) -> Purchase:
    """Return a purchase that holds its stock until then."""
    if time == purchase.order.expires_at:
        return purchase
    return replace(purchase, order=replace(purchase.order, expires_at=time))


def _check_challenge(cart: Cart, outcome: ChallengeOutcome | None) -> None:
    """Check that the guest has solved a challenge if an event asks for one. If its provider is away, nobody has to.

    Raises:
        ChallengeNeeded, ChallengeFailed: the guest has not.
    """
    if outcome == "failed":
        raise ChallengeFailed(challenge=challenges.offered())
    if (
        outcome is None
        and any(item.terms.asks_challenge for item in cart.items)
        and (challenge := challenges.offered())
    ):
        raise ChallengeNeeded(challenge=challenge)


def _hold(conn: db.Connection, purchase: Purchase) -> datetime:
    """Count what an order will hold, and return until when. Beyond half of its budget, a network's holds are short.

    Raises:
        GuestBudgetReached: the guest has too much already.
    """
    current, order, items = platform_settings.current(conn), purchase.order, purchase.cart.items
    budget = current.guest_unpaid if order.total else current.guest_free
    until = order.created_at + DAY if purchase.is_paid_at_once else order.expires_at
    most = budget.all_percent if challenges.offered() else 100
    sooner = order.created_at + timedelta(minutes=current.guest_hold_minutes)
    short_until = until if purchase.is_paid_at_once else min(until, sooner)
    answer = db.value(
        conn,
        SQL.hold_for_guest,
        order_id=order.id,
        request_id=purchase.request_id,
        network=network_of(purchase.caller.address),
        mailbox=mailbox_of(order.buyer_email),
        is_free=order.total == 0,
        event_ids=_array(item.terms.event_id for item in items),
        pool_ids=_array(item.terms.pool_id for item in items),
        quantities=_array(item.quantity for item in items),
        limits=_array((budget.network_percent, budget.network_least, budget.network_most, budget.mailbox_most, most)),
        long_until=until,
        short_until=short_until,
    )
    if answer is None:
        return until
    hold = _Hold(**answer)
    if hold.hold_ends is None:
        raise _refusal(hold, is_free=order.total == 0)
    return short_until


def _array(values: Iterable[object]) -> str:
    """Return numbers or ids as PostgreSQL writes an array. That costs a tenth of what psycopg takes for a list."""
    return f"{{{','.join(map(str, values))}}}"


def _refusal(hold: _Hold, *, is_free: bool) -> GuestBudgetReached:
    challenge = challenges.offered()
    return GuestBudgetReached(
        kind="free" if is_free else "unpaid",
        shared_by=hold.refused_for,
        budget=hold.budget,
        used=hold.used,
        ways=("log_in", "challenge", "wait") if challenge else ("log_in", "wait"),
        challenge=challenge,
        retry_after=max(1, ceil(hold.retry_in)),
    )


def keep_for_a_day(conn: db.Connection, order_id: UUID) -> None:
    """Let a free order count for a day from now on. The transaction has locked it."""
    db.run(conn, SQL.keep_guest_hold, order_id=order_id, time=DAY)


def list_over(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of orders whose holds count no longer: the day is over, or the order was never placed.

    Args:
        leave_out: orders that the run has tried already.
    """
    ids = db.values(conn, SQL.list_over_guest_holds, leave_out=list(leave_out), batch=_BATCH)
    return list(dict.fromkeys(ids))


def delete_over(conn: db.Connection, order_ids: Sequence[UUID]) -> int:
    """Delete holds that count no longer. Return the number of orders."""
    db.run(conn, SQL.delete_over_guest_holds, order_ids=list(order_ids))
    return len(order_ids)
