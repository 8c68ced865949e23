"""Release what events have earned, a time after they have ended, so that it may be paid out.

A release is a transfer whose source is the event. What it comes to is read under a lock of the organisation, so of two
at once the second sees what the first has released. Nobody else waits: a sale or a refund at the same time is swept by
the next release, with either sign.
"""

from collections.abc import Collection
from uuid import UUID

from boxoffice import db, platform_settings, sql
from boxoffice.ledger import rules, service
from boxoffice.ledger.models import EventFunds, Transfer
from boxoffice.organisations.service import lock_organisation

SQL = sql.queries("ledger")

_MOST_EVENTS = 500  # of an organisation, released in one transaction


def list_organisations(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return the organisations of which something is to be released or taken back.

    Args:
        leave_out: organisations that the run has tried in vain.
    """
    percent = platform_settings.current(conn).refund_reserve_percent
    found = dict.fromkeys(each.organisation_id for each in list_unreleased(conn) if _moves(each, percent))
    return [organisation for organisation in found if organisation not in leave_out]


def release_due(conn: db.Connection, organisation_id: UUID) -> int:
    """Release what is due of an organisation's money, and take back what is missing since.

    This locks the organisation, so it comes first in a transaction. Whoever pays out calls it, and then decides: until
    the transaction ends, nobody else can pay out or release.

    Returns:
        Of how many events something was moved. A later call goes on if there are too many.
    """
    lock_organisation(conn, organisation_id)
    percent = platform_settings.current(conn).refund_reserve_percent
    moving = [each for each in list_unreleased(conn, organisation_id) if _moves(each, percent)][:_MOST_EVENTS]
    return sum(_post(conn, funds, percent) for funds in moving)


def get_payable(conn: db.Connection, organisation_id: UUID, currency: str) -> int:
    """Return what an organisation may be paid out of a currency. Under the lock of `release_due`, no payout
    lowers it; a refund may."""
    balances = service.list_balances(conn, organisation_id)
    available = sum(each.amount for each in balances if (each.currency, each.account) == (currency, "available"))
    funds = [each for each in list_unreleased(conn, organisation_id) if each.currency == currency]
    return rules.payable(available, funds)


def _moves(funds: EventFunds, reserve_percent: int) -> bool:
    return rules.to_release(funds, reserve_percent) != (0, 0)


def _post(conn: db.Connection, funds: EventFunds, reserve_percent: int) -> bool:
    pending, tax = rules.to_release(funds, reserve_percent)
    transfers = [
        Transfer("release", funds.released + pending, event_id=funds.event_id),
        Transfer("tax_release", funds.tax_released + tax, event_id=funds.event_id),
    ]
    return service.post_difference(conn, funds.organisation_id, funds.currency, funds.event_id, transfers) > 0


def list_unreleased(conn: db.Connection, organisation_id: UUID | None = None) -> list[EventFunds]:
    """Return what events have that is not released, of an organisation or of all."""
    settings = platform_settings.current(conn)
    return db.search(
        conn,
        EventFunds,
        SQL.list_unreleased,
        organisation_id=organisation_id,
        delay_days=settings.payout_delay_days,
        reserve_days=settings.refund_reserve_days,
    )
