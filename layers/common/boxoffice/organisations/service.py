"""Use cases of organisations: the application to sell, the admins' decision, and the profile.

Members, invitations and the hand-over have a file of their own (`members`).
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, outbox, platform_settings, sql
from boxoffice.accounts import passwords
from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import SignUpRequest
from boxoffice.auth import Caller, acting_as, require_admin, require_role, role_of
from boxoffice.errors import NotFound
from boxoffice.ids import new_id
from boxoffice.media import service as media
from boxoffice.organisations import rules
from boxoffice.organisations.errors import AccountGone
from boxoffice.organisations.models import (
    ApplicationPage,
    ApplicationRow,
    ApplicationView,
    DecisionRequest,
    OrganisationPatch,
    OrganisationProfile,
    OrganisationRow,
    OrganisationStatus,
    OrganisationView,
    SignUpView,
)
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.versions import check_version

SQL = sql.queries("organisations")


def sign_up(conn: db.Connection, caller: Caller, request: SignUpRequest) -> SignUpView:
    """Make an account and log it in. If the request names an organisation, make that too, owned by the account.

    Runs in autocommit. It opens its transaction after it has hashed the password.

    Raises:
        GuessablePassword: the password is too easy to guess.
        EmailTaken: there is an account with this email address.
    """
    password_hash = passwords.hash_of(request.password, request.name, request.email)
    with conn.transaction():
        return make_account(conn, caller, request, password_hash)


def make_account(
    conn: db.Connection,
    caller: Caller,
    request: SignUpRequest,
    password_hash: str,
    email_verified_at: datetime | None = None,
) -> SignUpView:
    """Make an account, log it in, and make its organisation if the request names one.

    Raises:
        EmailTaken: there is an account with this email address.
    """
    session = accounts.create_account(conn, caller, request, password_hash, email_verified_at)
    name = request.organisation_name
    owner = acting_as(caller, session.account.id)
    organisation = create_organisation(conn, owner, name) if name else None
    return SignUpView(**dict(session), organisation=organisation)


def create_organisation(conn: db.Connection, caller: Caller, name: str) -> OrganisationView:
    """Make an organisation that the caller owns, with a slug of its name.

    Raises:
        AccountGone: the caller's account is gone.
    """
    status = rules.initial_status(auto_approve=platform_settings.current(conn).auto_approve_organisations)
    organisation_id = _insert(conn, name, status)
    owner = {"organisation_id": organisation_id, "account_id": caller.account}
    if not db.run(conn, SQL.lock_account_and_insert_owner, **owner):
        raise AccountGone
    organisation = _get(conn, organisation_id)
    _record(conn, caller, "create_organisation", organisation, name=name, status=status)
    return OrganisationView.model_validate(organisation)


def _insert(conn: db.Connection, name: str, status: OrganisationStatus) -> UUID:
    """Insert an organisation under the first slug that is free, and return its id."""
    organisation_id = new_id()
    for attempt in range(rules.SLUG_ATTEMPTS):
        row = {"name": name, "slug": rules.slug_of(name, attempt), "status": status, "created_at": datetime.now(UTC)}
        if db.run(conn, SQL.insert_organisation, id=organisation_id, **row):
            return organisation_id
    raise RuntimeError(f"no slug is free for {name}")  # four of them end with random characters


def get_organisation(
    conn: db.Connection, caller: Caller, organisation_id: UUID
) -> OrganisationView | OrganisationProfile:
    """Return an organisation: all of it to members and admins, and the profile of an approved one to everybody.

    Raises:
        NotFound: there is none, or it is not approved and the caller does not belong to it.
    """
    organisation = _get(conn, organisation_id)
    if role_of(conn, caller, organisation_id) is not None:
        return OrganisationView.model_validate(organisation)
    if organisation.status != "approved":
        raise NotFound
    return OrganisationProfile.model_validate(organisation)


def update_organisation(
    conn: db.Connection, caller: Caller, organisation_id: UUID, patch: OrganisationPatch, expected: int | None
) -> OrganisationView:
    """Change some fields of an organisation's profile.

    Raises:
        NotFound, Forbidden: the organisation or the logo is not the caller's, or the role is too low.
        StaleVersion: it has another version than ``expected``.
        PictureNotReady: there is no picture yet of the upload that is to be the logo.
        SlugTaken: another organisation has the new slug.
    """
    old = lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    check_version(old.version, expected)
    changes = patch.changes()
    media.replace_picture(conn, organisation_id, old.logo_id, changes.get("logo_id", old.logo_id))
    db.run(conn, SQL.update_organisation, **vars(replace(old, **changes)))
    _record(conn, caller, "update_organisation", old, **audit.changes(old, replace(old, **changes), only=changes))
    return OrganisationView.model_validate(_get(conn, organisation_id))


def apply_again(conn: db.Connection, caller: Caller, organisation_id: UUID) -> OrganisationView:
    """Let an organisation that was rejected wait for another decision. To apply again twice changes nothing.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        ApplicationNotPossible: it was not rejected.
    """
    organisation = lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    if organisation.status != "pending":
        rules.check_may_apply_again(organisation.status)
        _set_status(conn, caller, "apply_again", organisation, "pending", organisation.status_reason)
    return OrganisationView.model_validate(_get(conn, organisation_id))


def list_applications(
    conn: db.Connection,
    caller: Caller,
    limit: int,
    cursor: str | None,
    *,
    status: OrganisationStatus | None,
    search: str | None,
) -> ApplicationPage:
    """Return a page of organisations with their owners, newest first.

    Args:
        search: words of their names or slugs.

    Raises:
        Forbidden: the caller is not an admin.
    """
    require_admin(conn, caller)
    filters = {"status": status, "search": search, "before": decode_id(cursor) or LAST_ID}
    rows = db.search(conn, ApplicationRow, SQL.list_applications, limit=limit, **filters)
    return ApplicationPage.of(rows, limit)


def decide_application(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: DecisionRequest, expected: int | None
) -> ApplicationView:
    """Approve, reject or suspend an organisation, and write to its owners. To repeat a decision changes nothing.

    Raises:
        Forbidden: the caller is not an admin.
        NotFound: there is no such organisation.
        StaleVersion: it has another version than ``expected``.
        DecisionNotPossible: its status allows other decisions only.
    """
    require_admin(conn, caller)
    organisation = lock_organisation(conn, organisation_id)
    check_version(organisation.version, expected)
    decision, reason = request.decision, request.reason
    if not rules.is_decided(organisation.status, organisation.status_reason, decision, reason):
        status = rules.status_after(organisation.status, decision)
        _owe_decision(conn, organisation_id, request)
        _set_status(conn, caller, "decide_application", organisation, status, reason)
    return ApplicationView.model_validate(_get_application(conn, organisation_id))


def _owe_decision(conn: db.Connection, organisation_id: UUID, request: DecisionRequest) -> None:
    """Owe each owner who has an address an email about a decision."""
    payload = {"organisation_id": str(organisation_id), **request.model_dump()}
    addresses = [str(owner["email"]) for owner in _get_application(conn, organisation_id).owners if owner["email"]]
    outbox.owe_emails(conn, "organisation_decided", [(address, payload) for address in addresses])


def _set_status(
    conn: db.Connection,
    caller: Caller,
    action: str,
    old: OrganisationRow,
    status: OrganisationStatus,
    reason: str | None,
) -> None:
    """Set the status of an organisation that the transaction has locked, and record it."""
    db.run(conn, SQL.set_status, id=old.id, status=status, reason=reason)
    before, after = ({"status": old.status, "reason": old.status_reason}, {"status": status, "reason": reason})
    _record(conn, caller, action, old, before=before, after=after)


def lock_organisation(conn: db.Connection, organisation_id: UUID) -> OrganisationRow:
    """Lock an organisation, for a change of it, of its members or of its invitations.

    Raises:
        NotFound: there is none.
    """
    return db.get(conn, OrganisationRow, SQL.lock_organisation, id=organisation_id)


def _get(conn: db.Connection, organisation_id: UUID) -> OrganisationRow:
    return db.get(conn, OrganisationRow, SQL.get_organisation, id=organisation_id)


def _get_application(conn: db.Connection, organisation_id: UUID) -> ApplicationRow:
    return db.exactly_one(conn, ApplicationRow, SQL.get_application, id=organisation_id)


def _record(conn: db.Connection, caller: Caller, action: str, organisation: OrganisationRow, **facts: Any) -> None:
    subject = f"organisation {organisation.id}"
    audit.record(conn, caller, action, subject, organisation=organisation.id, **facts)
