"""Read balance reports, explain their entries, post what they say, and find what is in no report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import db, sql
from boxoffice.config import settings
from boxoffice.errors import DomainError
from boxoffice.ids import first_id
from boxoffice.ledger import service as ledger
from boxoffice.observability import count, logger
from boxoffice.payments import calls, matters, pace, providers
from boxoffice.payments.models import PLATFORM_MERCHANT, NewMatter, ReportPage
from boxoffice.payments.providers import BalanceReport
from boxoffice.provider_reports import rules
from boxoffice.provider_reports.models import (
    Booked,
    Difference,
    DueReport,
    EntryRow,
    MissingEntry,
    Money,
    ReadPage,
    ReportToCompare,
)

SQL = sql.queries("provider_reports")

_PLATFORM = {"platform_merchant": PLATFORM_MERCHANT}
_MOST_MISSING = 500


@dataclass(frozen=True)
class ReportsBacklog:
    """How far behind the reports are, and how many entries wait to be explained."""

    oldest_report_seconds: float
    entries_unexplained: int


def _reports() -> dict[str, BalanceReport]:
    """Return the balance reports of the providers that the deployment uses."""
    infos = [providers.load(name).INFO for name in settings().payment_providers]
    return {info.name: info.report for info in infos if info.report}


def read_pages(conn: db.Connection, leave_out: Collection[str] = ()) -> list[ReadPage]:
    """Lease the reports that are due, and ask for the next page of each. `store_page` must follow for each.

    Runs in autocommit. If the process dies between two steps, the page is read again once the lease ends.
    """
    reports, now = _reports(), datetime.now(UTC)
    db.run(conn, SQL.open_reports, providers=[*reports], now=now, **_PLATFORM)
    lease = {"now": now, "lease_end": rules.lease_end(now)}
    due = db.many(conn, DueReport, SQL.take_reports, **lease, providers=[*reports], leave_out=list(leave_out))

    def ask(report: DueReport) -> ReadPage:
        provider, info = providers.load_reporting(report.provider)
        account, since = report.merchant_id, report.read_until - info.complete_after
        page = provider.list_entries(account, since, report.reading_until, report.next_page)
        is_last = page is not None and page.next_page is None
        return ReadPage(report, page, provider.get_balances(account) if is_last else None)

    answers = calls.call_concurrently(ask, due, pace.take_turns_for(conn, due, "fetch"))
    pace.slow_down_for(conn, due, answers, "fetch")
    return [
        ReadPage(report, answer) if isinstance(answer, DomainError) else answer
        for report, answer in zip(due, answers, strict=True)
    ]


def store_page(conn: db.Connection, read: ReadPage) -> int:
    """Store the entries of a page, and how far the report is read, in the caller's transaction.

    Of two runs that have read the same page, one goes on. Both store its entries, each of them once.

    Returns:
        1, since one page was read.

    Raises:
        DomainError: the provider gave no page. A later run asks again.
    """
    report, page, now = read.report, read.answer, datetime.now(UTC)
    if isinstance(page, DomainError):
        raise page
    if page is None:
        db.run(conn, SQL.put_off_report, provider=report.provider, now=now, due_at=rules.next_night(now))
        return 1
    _store_entries(conn, report.provider, page, now)
    place = {"provider": report.provider, "reading_until": report.reading_until, "page": report.next_page}
    if page.next_page is not None:
        db.run(conn, SQL.set_next_page, **place, next_page=page.next_page, due_at=now)
    elif db.run(conn, SQL.finish_reading, **place, due_at=rules.next_night(now)) and read.balances is not None:
        _show_balances(conn, report.provider, read.balances)
    return 1


def _store_entries(conn: db.Connection, provider: str, page: ReportPage, now: datetime) -> None:
    entries = page.entries
    new = db.run(
        conn,
        SQL.insert_entries,
        provider=provider,
        now=now,
        references=[each.reference for each in entries],
        kinds=[each.kind for each in entries],
        types=[each.type for each in entries],
        amounts=[each.amount for each in entries],
        fees=[each.fee for each in entries],
        currencies=[each.currency for each in entries],
        charged_amounts=[each.charged_amount for each in entries],
        charged_currencies=[each.charged_currency for each in entries],
        subjects=[each.subject for each in entries],
        money_references=[each.money_reference for each in entries],
        payment_ids=[each.payment_id for each in entries],
        times=[each.made_at for each in entries],
    )
    count("EntriesStored", new)


def _show_balances(conn: db.Connection, provider: str, balances: dict[str, int]) -> None:
    """Log what the provider holds for us, beside what the books say. They differ by what is under way."""
    booked = ledger.get_balances_at(conn, provider)
    for currency in sorted(booked.keys() | balances.keys()):
        theirs, ours = balances.get(currency, 0), booked.get(currency, 0)
        facts = {"provider": provider, "currency": currency, "theirs": theirs, "ours": ours}
        logger.info("balances compared", extra={**facts, "difference": theirs - ours})


def list_due_entries(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of entries that are due to be explained."""
    due = {"now": datetime.now(UTC), "leave_out": list(leave_out)}
    return db.values(conn, SQL.list_due_entries, **due)


def explain_entries(conn: db.Connection, ids: Sequence[UUID]) -> int:
    """Explain entries by what we have booked, and post what they say, in the caller's transaction.

    A repeat posts nothing. An entry that came before its webhook is explained by a later run.

    Returns:
        How many entries were looked at. The others are another run's.
    """
    now = datetime.now(UTC)
    entries = db.many(conn, EntryRow, SQL.lock_due_entries, ids=list(ids), now=now)
    explained = [subject for entry in entries for subject in _explain(conn, entry, now)]
    matters.close_all(conn, "books_differ", explained, "explained")
    return len(entries)


def _explain(conn: db.Connection, entry: EntryRow, now: datetime) -> list[UUID]:
    """Explain an entry. Return the subjects of matters that may be open about it and are settled now."""
    _, report = providers.load_reporting(entry.provider)
    money = _find_money(conn, entry)
    booked, reported = _find_booked(conn, entry, money), _get_reported(conn, entry)
    buyers = rules.buyers_share(entry, reported, booked, report)
    difference = rules.difference_of(entry, reported, booked, buyers)
    is_open = difference is not None
    if difference not in (None, "not_understood") and now < entry.made_at + report.complete_after:
        difference = None  # its webhook may still come
    for posting in rules.postings(entry, money, buyers):
        ledger.post_difference(conn, posting.organisation_id, posting.currency, entry.id, posting.transfers)
    if difference is not None and difference != entry.difference:
        _open_matter(conn, entry, difference, booked, money)
    explained = {"incoming_payment_id": money and money.id, "difference": difference}
    again_at = rules.next_try(entry.made_at, now) if is_open and difference != "not_understood" else None
    db.run(conn, SQL.set_explained, id=entry.id, **explained, due_at=again_at)
    found = [each.id for each in (money if entry.kind == "charge" else None, booked) if each]
    return found if is_open else [*found, entry.id]


def _find_money(conn: db.Connection, entry: EntryRow) -> Money | None:
    if entry.kind not in rules.ABOUT_BUYERS or not (entry.money_reference or entry.payment_id):
        return None
    names = {"money_reference": entry.money_reference, "payment_id": entry.payment_id, "amount": entry.paid_amount}
    of_entry = {"id": entry.id, "provider": entry.provider, "kind": entry.kind}
    return db.one(conn, Money, SQL.find_money, **names, **of_entry, **_PLATFORM)


def _find_booked(conn: db.Connection, entry: EntryRow, money: Money | None) -> Booked | None:
    if entry.kind == "charge":
        return Booked(money.id, money.amount, money.currency) if money else None
    if entry.kind not in rules.ABOUT_BUYERS or entry.subject is None:
        return None
    subject = {"provider": entry.provider, "kind": entry.kind, "subject": entry.subject}
    return db.one(conn, Booked, SQL.find_booked, **subject, **_PLATFORM)


def _get_reported(conn: db.Connection, entry: EntryRow) -> int:
    subject = {"provider": entry.provider, "kind": entry.kind, "subject": entry.subject}
    return int(db.value(conn, SQL.get_reported, **subject))


def _open_matter(
    conn: db.Connection, entry: EntryRow, difference: Difference, booked: Booked | None, money: Money | None
) -> None:
    """Open a matter about an entry that differs. It is the organisation's if it is about money of an order."""
    named: dict[str, Any] = {"payment_id": money and money.payment_id, "order_id": money and money.order_id}
    named["organisation_id"] = money.organisation_id if money else PLATFORM_MERCHANT
    if money is None and entry.payment_id is not None:
        of_payment = {"payment_id": entry.payment_id, "provider": entry.provider}
        named = db.one(conn, dict, SQL.find_payment, **of_payment, **_PLATFORM) or named
    details: dict[str, Any] = {"difference": difference, "entry": entry.kind, "type": entry.type}
    details["made_at"] = entry.made_at.isoformat()
    if booked is not None:
        details |= {"booked": booked.amount, "booked_currency": booked.currency}
    matter = NewMatter(
        kind="books_differ",
        subject=str(entry.id),
        provider=entry.provider,
        merchant_id=PLATFORM_MERCHANT,
        reference=entry.subject or entry.reference,
        amount=abs(entry.paid_amount) or None,
        currency=entry.paid_currency if entry.paid_amount else None,
        details=details,
        **named,
    )
    matters.open_new(conn, matter)


def list_reports_to_compare(conn: db.Connection, leave_out: Collection[str] = ()) -> list[ReportToCompare]:
    """Return the reports that now cover more of what we have booked."""
    reports = _reports()
    due = {"now": datetime.now(UTC), "leave_out": list(leave_out), "providers": [*reports]}
    rows = db.many(conn, dict, SQL.list_reports_to_compare, **due)
    until_of = {row["provider"]: row["read_until"] - reports[row["provider"]].complete_after for row in rows}
    found = [ReportToCompare(row["provider"], row["compared_until"], until_of[row["provider"]]) for row in rows]
    return [each for each in found if each.compared_until < each.until]


def compare(conn: db.Connection, report: ReportToCompare) -> int:
    """Open a matter for all that we have booked and that should be in the report by now, in the caller's transaction.

    Returns:
        1, even if another run has compared the report.
    """
    seen = {"provider": report.provider, "compared_until": report.compared_until}
    if not db.many(conn, dict, SQL.lock_report, **seen):
        return 1
    until, (_, info) = report.until, providers.load_reporting(report.provider)
    missing = db.page(
        conn,
        MissingEntry,
        SQL.list_missing_entries,
        limit=_MOST_MISSING,
        provider=report.provider,
        since=report.compared_until,
        until=until,
        first_id=first_id(report.compared_until),
        last_id=first_id(until),
        names_refunds=info.names_refunds,
        **_PLATFORM,
    )
    for each in missing:
        _open_matter_about(conn, report.provider, each)
    if len(missing) < _MOST_MISSING:
        db.run(conn, SQL.set_compared, provider=report.provider, until=until)
    return 1


def _open_matter_about(conn: db.Connection, provider: str, missing: MissingEntry) -> None:
    matter = NewMatter(
        organisation_id=missing.organisation_id,
        kind="books_differ",
        subject=str(missing.id),
        provider=provider,
        merchant_id=PLATFORM_MERCHANT,
        order_id=missing.order_id,
        payment_id=missing.payment_id,
        refund_id=missing.refund_id,
        reference=missing.reference,
        amount=missing.amount,
        currency=missing.currency,
        details={"difference": "missing_there", "entry": missing.kind},
    )
    matters.open_new(conn, matter)


def get_backlog(conn: db.Connection) -> ReportsBacklog:
    """Return how far behind the reports are, and how many entries wait to be explained."""
    return db.exactly_one(conn, ReportsBacklog, SQL.get_backlog, providers=[*_reports()])
