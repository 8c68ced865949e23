"""Show owners what their organisation has, and each entry of its books."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from boxoffice import db, platform_settings, sql
from boxoffice.auth import Caller, require_role
from boxoffice.ids import first_id
from boxoffice.ledger import releases, rules, service, words
from boxoffice.ledger.kinds import KINDS
from boxoffice.ledger.models import (
    Balance,
    BalancesView,
    BalanceView,
    EntryFilters,
    EntryPage,
    EntryRow,
    EntryView,
    EventFunds,
)
from boxoffice.pagination import FIRST_ID, LAST_ID, decode_id_and_number, page_of

SQL = sql.queries("ledger")

_FROM_THE_END = (LAST_ID, 2)  # sides are -1 and 1


def get_balance(conn: db.Connection, caller: Caller, organisation_id: UUID) -> BalancesView:
    """Return what an organisation has, by currency, all of the same moment. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    as_of = datetime.now(UTC)
    with service.one_snapshot(conn):
        balances = service.list_balances(conn, organisation_id)
        funds = releases.list_unreleased(conn, organisation_id)
        corrected = db.many(conn, dict, SQL.sum_corrections, organisation_id=organisation_id)
        percent = platform_settings.current(conn).refund_reserve_percent
    corrections = {row["currency"]: row["amount"] for row in corrected}
    views = [
        _balance_view(
            currency,
            [each for each in balances if each.currency == currency],
            [each for each in funds if each.currency == currency],
            corrections.get(currency, 0),
            percent,
        )
        for currency in sorted({each.currency for each in balances})
    ]
    return BalancesView(as_of=as_of, balances=views)


def _balance_view(
    currency: str, balances: Sequence[Balance], funds: Sequence[EventFunds], corrections: int, reserve_percent: int
) -> BalanceView:
    of = {(each.holder, each.account): each.amount for each in balances}
    own = {account: of.get(("platform", account), 0) for _, account in of}
    available = own.get("available", 0)
    return BalanceView(
        currency=currency,
        payable=rules.payable(available, funds),
        available=available,
        pending=own.get("pending", 0),
        tax=own.get("tax", 0),
        reserved=sum(rules.reserve_of(each, reserve_percent) for each in funds),
        disputed=own.get("disputed", 0),
        owed_to_buyers=own.get("owed_to_buyers", 0),
        in_payout=own.get("in_payout", 0),
        paid_out=own.get("bank", 0),
        platform_fees=own.get("platform_income", 0) + corrections,
        corrections=corrections,
        held_by_you=-of.get(("organisation", "at_provider"), 0),
    )


def list_entries(
    conn: db.Connection, caller: Caller, organisation_id: UUID, filters: EntryFilters, limit: int, cursor: str | None
) -> EntryPage:
    """Return a page of an organisation's entries, newest first.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    before, before_side = decode_id_and_number(cursor) or _FROM_THE_END
    first, last = _ids(filters, before)
    rows = db.search(
        conn,
        EntryRow,
        SQL.list_entries,
        organisation_id=organisation_id,
        **vars(filters),
        kinds=_kinds(filters),
        first=first,
        last=last,
        before=before,
        before_side=before_side,
        limit=limit,
    )
    items, next_cursor = page_of(rows, limit, lambda row: (row.id, row.side))
    return EntryPage(
        items=[EntryView(**vars(row), happened=words.describe(row.kind, row.moved)) for row in items],
        next_cursor=next_cursor,
    )


def _ids(filters: EntryFilters, before: UUID) -> tuple[UUID, UUID]:
    """Return the first and the last id that can fit. An id is made while its transaction is open."""
    first = first_id(filters.since) if filters.since else FIRST_ID
    last = first_id(filters.until + rules.LONGEST_POSTING) if filters.until else LAST_ID
    return first, min(last, before)


def _kinds(filters: EntryFilters) -> list[str] | None:
    """Return the kinds that can fit: each names the accounts of its entries. None if all can."""
    if filters.kind is None and filters.account is None:
        return None
    return [
        name
        for name, kind in KINDS.items()
        if filters.kind in (None, name) and filters.account in (None, kind.from_account, kind.to_account)
    ]
