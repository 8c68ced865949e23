"""Use cases of payout methods: list, add and remove them.

The number of an account is encrypted (AES-256-GCM). It is bound to its organisation and its row: copied to another one,
it cannot be decrypted.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, bank_accounts, db, sql
from boxoffice.auth import Caller, require_role
from boxoffice.config import settings
from boxoffice.encryption import Encrypted, decrypt, encrypt
from boxoffice.ids import new_id
from boxoffice.organisations.service import lock_organisation
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.payouts import rules, service
from boxoffice.payouts.errors import PayoutMethodInUse, TooManyPayoutMethods
from boxoffice.payouts.models import (
    BankAccount,
    IbanAccount,
    MethodRow,
    MobileMoney,
    PayoutMethodPage,
    PayoutMethodRequest,
    PayoutMethodView,
)
from boxoffice.rate_limit import limit_payout_methods

SQL = sql.queries("payouts")

_PURPOSE = "payout account"
_REMOVED = "The payout method was removed."


def list_methods(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None
) -> PayoutMethodPage:
    """Return a page of an organisation's payout methods, latest first, with the ends of their numbers.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    return PayoutMethodPage.of(_list(conn, organisation_id, decode_id(cursor) or LAST_ID, limit), limit)


def add_method(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: PayoutMethodRequest
) -> PayoutMethodView:
    """Add a payout method, and tell every owner. To add the same again changes nothing.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        TooManyPayoutMethods: the organisation has as many as it may.
        TooManyRequests: twenty were added within a day.
    """
    method, number = _method_of(caller, organisation_id, request)
    lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    present = _list(conn, organisation_id, LAST_ID, rules.MOST_METHODS)
    same = [known for known in present if _is_same(known, method) and number_of(known) == number]
    if not same:
        if len(present) >= rules.MOST_METHODS:
            raise TooManyPayoutMethods(most=rules.MOST_METHODS)
        db.run(conn, SQL.insert_method, **vars(method))
        service.tell_owners(conn, "payout_method_added", organisation_id, method_id=str(method.id))
        _record(conn, caller, "add_payout_method", method)
    limit_payout_methods(conn, caller, organisation_id)
    return PayoutMethodView.model_validate(same[0] if same else method)


def remove_method(conn: db.Connection, caller: Caller, organisation_id: UUID, method_id: UUID) -> None:
    """Remove a payout method, and erase its number. Payouts to it that no admin has approved are rejected.

    Raises:
        NotFound, Forbidden: the method is not of the caller's organisation, or the role is too low.
        PayoutMethodInUse: a payout to it is approved.
    """
    lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    method = db.get(conn, MethodRow, SQL.get_method, organisation_id=organisation_id, id=method_id)
    payouts = db.many(conn, dict, SQL.lock_open_payouts_of_method, organisation_id=organisation_id, method_id=method_id)
    for payout in payouts:
        if payout["status"] == "approved":
            raise PayoutMethodInUse(payout_id=payout["id"])
    for payout in payouts:
        service.set_status(conn, caller.account, service.get_payout(conn, payout["id"]), "rejected", reason=_REMOVED)
    db.run(conn, SQL.remove_method, organisation_id=organisation_id, id=method_id)
    _record(conn, caller, "remove_payout_method", method)


def number_of(method: MethodRow) -> str | None:
    """Return the number of a method's account, or None if it cannot be decrypted."""
    assert method.key_id is not None
    assert method.account is not None
    return decrypted(method.organisation_id, method.id, Encrypted(method.key_id, method.account))


def decrypted(organisation_id: UUID, method_id: UUID, account: Encrypted) -> str | None:
    """Return the number of an account, or None: its key is gone, or it was changed, or it is another method's."""
    try:
        plain = decrypt(settings().data_keys_secret, _PURPOSE, organisation_id.bytes + method_id.bytes, account)
    except ValueError:
        return None
    return plain.decode() if plain is not None else None


def _list(conn: db.Connection, organisation_id: UUID, before: UUID, limit: int) -> list[MethodRow]:
    return db.page(conn, MethodRow, SQL.list_methods, organisation_id=organisation_id, before=before, limit=limit)


def _method_of(caller: Caller, organisation_id: UUID, request: PayoutMethodRequest) -> tuple[MethodRow, str]:
    """Return a new method as it is stored, and the number of its account."""
    now, account = datetime.now(UTC), request.account
    match account:
        case IbanAccount():
            facts = bank_accounts.iban_facts(account.iban)
            number, country, bank = account.iban, facts.country, facts.bic
        case BankAccount():
            number, country, bank = account.account_number, account.country, account.bank_code
        case MobileMoney():
            number, country, bank = account.phone, account.country, account.provider
    method = MethodRow(
        id=new_id(),
        organisation_id=organisation_id,
        kind=account.kind,
        country=country,
        currency=request.currency,
        holder=request.holder,
        bank=bank,
        ending=rules.ending_of(number),
        key_id=None,
        account=None,
        created_by=caller.account,
        created_at=now,
        usable_from=now + rules.WAIT,
        removed_at=None,
    )
    owner = organisation_id.bytes + method.id.bytes
    encrypted = encrypt(settings().data_keys_secret, _PURPOSE, owner, number.encode())
    return replace(method, key_id=encrypted.key_id, account=encrypted.content), number


def _is_same(one: MethodRow, other: MethodRow) -> bool:
    """Return True if two methods differ in their numbers at the most."""
    names = ("kind", "country", "currency", "holder", "bank", "ending")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _record(conn: db.Connection, caller: Caller, action: str, method: MethodRow) -> None:
    facts: dict[str, Any] = {name: getattr(method, name) for name in ("kind", "country", "currency", "ending")}
    audit.record(conn, caller, action, f"payout method {method.id}", organisation=method.organisation_id, **facts)
