"""Use cases of people who ask what is held about them, or want it erased.

Somebody with an account proves who they are by it, and by its password. A guest proves it by reading the address: the
link in an email shows and erases what guests with this address did. What an account did belongs to the account.
"""

from datetime import UTC, datetime, timedelta

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.accounts import proof
from boxoffice.accounts import service as accounts
from boxoffice.accounts.errors import LinkOver
from boxoffice.accounts.models import AccountRow, EmailSentView
from boxoffice.accounts.rules import is_phone_proven
from boxoffice.auth import Caller
from boxoffice.one_time import Purpose
from boxoffice.organisations import members
from boxoffice.privacy import erasure, export
from boxoffice.privacy.errors import TicketsAhead
from boxoffice.privacy.models import (
    DataRequest,
    ErasureRequest,
    ErasureRow,
    ErasureView,
    GuestErasureRequest,
    Person,
    PersonalData,
)

SQL = sql.queries("privacy")

LINK_LIFETIME = timedelta(hours=24)


def export_me(conn: db.Connection, caller: Caller, cursor: str | None) -> PersonalData:
    """Return a page of what is held about the caller.

    Raises:
        Unauthenticated: the account is gone.
    """
    return export.read(conn, _person_of(proof.get_account(conn, caller)), cursor)


def delete_me(conn: db.Connection, caller: Caller, request: ErasureRequest) -> ErasureView:
    """Close the caller's account at once, and have erased what is held about them. Runs in autocommit.

    Raises:
        Unauthenticated: the account is gone.
        WrongCredentials, ProofNeeded: the caller has not proven to be its owner.
        LastAdmin: the platform would have no admin.
        LastOwnerOf: some organisations have no other owner.
        TicketsAhead: the account has tickets for events to come, and the request does not force it.
    """
    checked = proof.check_owner(conn, caller, request.password)
    with conn.transaction():
        account = proof.lock_unchanged(conn, checked)
        person = _person_of(account)
        if not request.force:
            _check_nothing_ahead(conn, person)
        accounts.erase_account(conn, account)
        members.leave_all(conn, caller, account.id)
        begun = erasure.begin(conn, person)
        if account.email:
            outbox.owe_email(conn, "account_erased", account.email, {"erasure_id": str(begun.id)})
        audit.record(conn, caller, "delete_me", f"account {account.id}", erasure=str(begun.id))
    return _view(begun)


def request_personal_data(conn: db.Connection, request: DataRequest) -> EmailSentView:
    """Send a link that shows and erases what guests with an address did. It is sent whether or not there is any."""
    token_id = one_time.issue(conn, Purpose.PERSONAL_DATA, LINK_LIFETIME, email=request.email)
    outbox.owe_email(conn, "personal_data", request.email, {"token_id": str(token_id)})
    return EmailSentView(detail="We have sent a link to the address. It works for 24 hours.")


def export_guest(conn: db.Connection, guest: Person, cursor: str | None) -> PersonalData:
    """Return a page of what is held about a guest."""
    return export.read(conn, guest, cursor)


def guest_of(conn: db.Connection, token: str) -> Person:
    """Return whom a link was sent to. This does not use it up.

    Raises:
        LinkOver: the link is over, or none of ours.
    """
    found = one_time.find(conn, token, Purpose.PERSONAL_DATA)
    if found is None:
        raise LinkOver
    return _guest(found.payload["email"])


def erase_personal_data(conn: db.Connection, request: GuestErasureRequest) -> ErasureView:
    """Have erased what is held about the guest whom a link was sent to. This uses the link up.

    Raises:
        LinkOver: the link is over, or none of ours.
        TicketsAhead: there are tickets for events to come, and the request does not force it.
    """
    payload = one_time.redeem(conn, Purpose.PERSONAL_DATA, request.token)
    if payload is None:
        raise LinkOver
    person = _guest(payload["email"])
    if not request.force:
        _check_nothing_ahead(conn, person)
    return _view(erasure.begin(conn, person))


def _person_of(account: AccountRow) -> Person:
    """Return an account's owner, with the address and the phone as far as they are proven."""
    phone = account.phone if is_phone_proven(account.phone_verified_at, datetime.now(UTC)) else None
    return Person(account.id, account.email, account.email_verified_at is not None, phone)


def _guest(email: str) -> Person:
    return Person(account_id=None, email=email, is_proven=True, phone=None)


def _check_nothing_ahead(conn: db.Connection, person: Person) -> None:
    ahead = db.exactly_one(conn, dict, SQL.count_ahead, **person.params)
    if ahead["tickets"] or ahead["open_claims"]:
        raise TicketsAhead(**ahead)


def _view(begun: ErasureRow) -> ErasureView:
    return ErasureView(id=begun.id, asked_at=begun.asked_at)
