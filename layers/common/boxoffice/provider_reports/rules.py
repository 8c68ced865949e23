"""Rules of balance reports: what explains an entry, and what it posts to the ledger."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from fractions import Fraction
from uuid import UUID

from boxoffice.ledger.models import Transfer
from boxoffice.payments.models import PLATFORM_MERCHANT
from boxoffice.payments.providers import BalanceReport
from boxoffice.provider_reports.models import Booked, Difference, EntryRow, Money, Posting

ABOUT_BUYERS = ("charge", "refund", "dispute")
"""The kinds of entries that are about money of buyers."""

_LEASE = timedelta(minutes=2)
_NIGHT = time(2)  # UTC
_FIRST_DAY, _SOON, _LATER = timedelta(days=1), timedelta(hours=1), timedelta(hours=12)
_LAST_TRY = timedelta(days=30)


def lease_end(now: datetime) -> datetime:
    """Return when the lease ends that a run takes now on a report. A call and the wait for its turn take less."""
    return now + _LEASE


def next_night(now: datetime) -> datetime:
    """Return when the next reading begins."""
    tonight = datetime.combine(now.date(), _NIGHT, now.tzinfo)
    return tonight if now < tonight else tonight + timedelta(days=1)


def next_try(made_at: datetime, now: datetime) -> datetime | None:
    """Return when to look again for what explains an entry: a webhook may be late. None after a month."""
    age = now - made_at
    if age > _LAST_TRY:
        return None
    return now + (_SOON if age < _FIRST_DAY else _LATER)


def buyers_share(entry: EntryRow, reported: int, booked: Booked | None, report: BalanceReport) -> int:
    """Return how much of the fee the buyer has paid on top of what we asked for."""
    if not report.may_add_fees or booked is None or entry.kind != "charge":
        return 0
    added = reported - booked.amount
    return added if 0 < added <= entry.fee else 0


def difference_of(entry: EntryRow, reported: int, booked: Booked | None, buyers: int) -> Difference | None:
    """Return how an entry contradicts what we have booked. None if that explains it.

    Args:
        reported: the sum of all entries about the same subject. Those that cancel out need no explanation.
        buyers: see `buyers_share`.
    """
    if entry.kind == "other" or _pays_us(entry):
        return "not_understood"
    if entry.kind not in ABOUT_BUYERS or entry.subject is None:
        return None
    if booked is None:
        return "missing_here" if reported else None
    if booked.currency != entry.paid_currency:
        return "other_currency"
    return None if reported - buyers == booked.amount else "other_amount"


def _pays_us(entry: EntryRow) -> bool:
    """Return True if a provider says that it has paid for a charge, in place of a fee. No organisation earns by that.

    It may give a fee back with what takes a charge back.
    """
    return entry.kind == "charge" and entry.fee < 0 < entry.amount


def split(amount: int, totals: Mapping[UUID, int]) -> dict[UUID, int]:
    """Split an amount over events by their totals. The units that rounding leaves go to the largest remainders."""
    whole = sum(totals.values())
    parts = {event: amount * total // whole for event, total in totals.items()}
    by_remainder = sorted(totals, key=lambda event: (-(amount * totals[event] % whole), event))
    for event in by_remainder[: amount - sum(parts.values())]:
        parts[event] += 1
    return parts


def postings(entry: EntryRow, money: Money | None, buyers: int = 0) -> list[Posting]:
    """Return all that an entry posts. About money that we do not know, it posts nothing yet.

    A provider's fee is the organisation's, also for money that goes back. If the provider has converted the money, the
    organisation bears the fee in the currency of its sale, at the rate of the entry. The gains and losses of rates are
    the platform's.

    Args:
        buyers: see `buyers_share`.
    """
    match entry.kind:
        case "fee":
            return [_of_platform(entry, entry.currency, platform_cost=-entry.net)]
        case "payout":
            return [_of_platform(entry, entry.currency, settlement=-entry.amount, platform_cost=entry.fee)]
    if entry.kind not in ABOUT_BUYERS or money is None or money.currency != entry.paid_currency or _pays_us(entry):
        return []
    fee = entry.fee - buyers
    if entry.charged_amount is None:
        return [_fee_of(entry, money, fee)]
    fee = round(Fraction(fee * entry.charged_amount, entry.amount)) if entry.amount else 0
    return [
        _fee_of(entry, money, fee),
        _of_platform(entry, entry.paid_currency, exchange=entry.charged_amount - fee),
        _of_platform(entry, entry.currency, exchange=-entry.net),
    ]


def _fee_of(entry: EntryRow, money: Money, fee: int) -> Posting:
    transfers = [
        Transfer("provider_fee", part, order_id=money.order_id, event_id=event, provider=entry.provider)
        for event, part in split(fee, money.totals).items()
    ]
    return Posting(money.organisation_id, money.currency, transfers)


def _of_platform(entry: EntryRow, currency: str, **amounts: int) -> Posting:
    transfers = [Transfer(kind, amount, provider=entry.provider) for kind, amount in amounts.items()]
    return Posting(PLATFORM_MERCHANT, currency, transfers)
