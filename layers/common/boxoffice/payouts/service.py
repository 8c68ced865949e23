"""Use cases of payouts: owners ask for them, and admins decide.

A payout is posted to the ledger whenever its status changes, as all that it should have posted by then.
"""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, idempotency, money, outbox, platform_settings, sql
from boxoffice.auth import Caller, require_admin, require_role
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.ledger import releases
from boxoffice.ledger import service as ledger
from boxoffice.organisations.service import lock_organisation
from boxoffice.outbox import WebhookType
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.payouts import rules
from boxoffice.payouts.errors import OwnPayout
from boxoffice.payouts.models import (
    MethodRow,
    PayoutDecisionRequest,
    PayoutPage,
    PayoutRequest,
    PayoutRow,
    PayoutStatus,
    PayoutView,
    RequestedPayoutPage,
    RequestedPayoutRow,
    RequestedPayoutView,
)
from boxoffice.rate_limit import limit_payouts
from boxoffice.versions import check_version

SQL = sql.queries("payouts")

_WEBHOOKS: dict[PayoutStatus, WebhookType] = {
    "requested": "payout.requested",
    "approved": "payout.approved",
    "rejected": "payout.rejected",
    "sent": "payout.sent",
    "returned": "payout.returned",
}


def list_payouts(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None
) -> PayoutPage:
    """Return a page of an organisation's payouts, newest first.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    before = decode_id(cursor) or LAST_ID
    rows = db.page(conn, PayoutRow, SQL.list_payouts, organisation_id=organisation_id, before=before, limit=limit)
    return PayoutPage.of(rows, limit)


def request_payout(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: PayoutRequest, key: str
) -> PayoutView:
    """Take an amount out of an organisation's balance, for an admin to approve. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the organisation or the method is not the caller's, or the role is too low.
        PayoutMethodWaits: the method is too new.
        PayoutsStopped: the organisation is not approved.
        BalanceTooLow, PayoutTooSmall: there is not so much, or it is too little.
        TooManyRequests: fifty were asked for within a day.
        KeyReused: the idempotency key belongs to another request.
    """
    require_role(conn, caller, organisation_id)
    scope = idempotency.scope_of(caller, organisation_id)
    idempotent = IdempotentRequest.of("request_payout", scope, key, request, organisation_id)
    return idempotency.run_once(
        conn,
        idempotent,
        lambda: _request(conn, caller, organisation_id, request, idempotent),
        PayoutView.model_validate,
    )


def _request(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: PayoutRequest, idempotent: IdempotentRequest
) -> PayoutView:
    """Ask for a payout in one transaction, which decides alone on the organisation's balance."""
    with conn.transaction():
        rules.check_approved(lock_organisation(conn, organisation_id).status)
        require_role(conn, caller, organisation_id)
        method = db.get(conn, MethodRow, SQL.get_method, organisation_id=organisation_id, id=request.method_id)
        now = datetime.now(UTC)
        rules.check_usable(method.usable_from, now)
        releases.release_due(conn, organisation_id)
        can_be_paid = releases.get_payable(conn, organisation_id, method.currency)
        minimums = platform_settings.current(conn).payout_minimums
        payout: dict[str, Any] = {
            "id": new_id(),
            "organisation_id": organisation_id,
            "method_id": method.id,
            "currency": method.currency,
            "amount": rules.amount_of(request.amount, can_be_paid, method.currency, minimums),
            "requested_by": caller.account,
            "requested_at": now,
        }
        db.run(conn, SQL.insert_payout, **payout)
        requested = get_payout(conn, payout["id"])
        _post_and_tell(conn, requested)
        view = PayoutView.model_validate(requested)
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        facts = {"amount": requested.amount, "currency": requested.currency, "method_id": str(method.id)}
        _record(conn, caller, "request_payout", requested, **facts)
        limit_payouts(conn, organisation_id)
    return view


def list_payout_requests(
    conn: db.Connection, caller: Caller, limit: int, cursor: str | None, *, status: PayoutStatus | None
) -> RequestedPayoutPage:
    """Return a page of the payouts of all organisations, newest first.

    Raises:
        Forbidden: the caller is not an admin.
    """
    require_admin(conn, caller)
    before = decode_id(cursor) or LAST_ID
    rows = db.search(conn, RequestedPayoutRow, SQL.list_payout_requests, before=before, status=status, limit=limit)
    return RequestedPayoutPage.of(rows, limit)


def decide_payout(
    conn: db.Connection, caller: Caller, payout_id: UUID, request: PayoutDecisionRequest, expected: int | None
) -> RequestedPayoutView:
    """Approve or reject a payout, or note what the bank has done with it. To repeat a decision changes nothing.

    Raises:
        Forbidden: the caller is not an admin.
        NotFound: there is no such payout.
        StaleVersion: it has another version than ``expected``.
        PayoutDecisionNotPossible: its status allows other decisions only.
        OwnPayout: the caller has more to do with it than another admin, who could approve it.
        PayoutsStopped: its organisation is not approved.
    """
    require_admin(conn, caller)
    db.run(conn, SQL.lock_payout, id=payout_id)
    payout = get_payout(conn, payout_id)
    check_version(payout.version, expected)
    if not rules.is_decided(payout, request):
        status = rules.status_after(payout.status, request.decision)
        if status == "approved":
            _check_approval(conn, caller, payout)
        set_status(
            conn,
            caller.account,
            payout,
            status,
            reason=request.reason,
            bank_reference=request.bank_reference,
            value_date=request.value_date,
        )
        change = {"before": {"status": payout.status}, "after": {"status": status}}
        _record(conn, caller, "decide_payout", payout, **change, reason=request.reason)
    return RequestedPayoutView.model_validate(get_payout(conn, payout_id))


def _check_approval(conn: db.Connection, caller: Caller, payout: RequestedPayoutRow) -> None:
    """Check that no other admin has less to do with a payout than the one who approves it.

    Raises:
        OwnPayout: the caller has asked for it, or is a member of its organisation.
        PayoutsStopped: its organisation is not approved.
    """
    rules.check_approved(payout.organisation_status)
    facts = {"organisation_id": payout.organisation_id, "requested_by": payout.requested_by}
    if db.value(conn, SQL.has_more_neutral_admin, **facts, account_id=caller.account):
        raise OwnPayout


def set_status(
    conn: db.Connection,
    decided_by: UUID,
    payout: RequestedPayoutRow,
    status: PayoutStatus,
    *,
    reason: str | None = None,
    bank_reference: str | None = None,
    value_date: date | None = None,
) -> None:
    """Set the status of a payout that the transaction has locked, post what follows, and tell the owners."""
    changes = {"reason": reason, "bank_reference": bank_reference, "value_date": value_date}
    db.run(conn, SQL.set_status, id=payout.id, status=status, decided_by=decided_by, **changes)
    _post_and_tell(conn, get_payout(conn, payout.id))


def _post_and_tell(conn: db.Connection, payout: RequestedPayoutRow) -> None:
    """Post to the ledger what a payout should have posted as it stands now. Owe the emails and webhooks about it."""
    transfers = rules.transfers_of(payout.status, payout.amount)
    ledger.post_difference(conn, payout.organisation_id, payout.currency, payout.id, transfers)
    tell_owners(conn, "payout_changed", payout.organisation_id, payout_id=str(payout.id), status=payout.status)
    data = {
        "payout_id": payout.id,
        "method_id": payout.method_id,
        "status": payout.status,
        "amount": payout.amount,
        "currency": payout.currency,
        "currency_exponent": money.exponent(payout.currency),
        "bank_reference": payout.bank_reference,
    }
    outbox.owe_webhook(conn, payout.organisation_id, _WEBHOOKS[payout.status], data)


def tell_owners(conn: db.Connection, template: str, organisation_id: UUID, **payload: str) -> None:
    """Owe each owner who has an address an email."""
    owners = db.values(conn, SQL.list_owners, organisation_id=organisation_id)
    outbox.owe_emails(conn, template, [(email, payload) for email in owners])


def get_payout(conn: db.Connection, payout_id: UUID) -> RequestedPayoutRow:
    """Return a payout as admins see it.

    Raises:
        NotFound: there is none.
    """
    return db.get(conn, RequestedPayoutRow, SQL.get_payout, id=payout_id)


def _record(conn: db.Connection, caller: Caller, action: str, payout: PayoutRow, **facts: Any) -> None:
    audit.record(conn, caller, action, f"payout {payout.id}", organisation=payout.organisation_id, **facts)
