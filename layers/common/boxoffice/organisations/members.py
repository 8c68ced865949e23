"""Use cases of an organisation's members: invitations, roles, and the hand-over to another owner.

Each change locks the organisation first, so that changes of its members follow one another. Then a count of the other
owners is enough to keep the last one.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import MembershipView, Role
from boxoffice.auth import Caller, is_admin, require_role
from boxoffice.errors import Invalid, NotFound
from boxoffice.ids import new_id
from boxoffice.one_time import Purpose
from boxoffice.organisations import rules
from boxoffice.organisations.errors import AlreadyMember, InvitationForAnother, InvitationOver, LastOwner, LastOwnerOf
from boxoffice.organisations.models import (
    InvitationPage,
    InvitationRequest,
    InvitationRow,
    InvitationView,
    MemberPage,
    MemberRow,
    MemberView,
)
from boxoffice.organisations.service import lock_organisation
from boxoffice.pagination import FIRST_ID, LAST_ID, decode_id

SQL = sql.queries("organisations")

_BATCH = 1000


def list_members(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None
) -> MemberPage:
    """Return a page of an organisation's members, in the order in which their accounts were made.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    after = decode_id(cursor) or FIRST_ID
    rows = db.page(conn, MemberRow, SQL.list_members, organisation_id=organisation_id, after=after, limit=limit)
    return MemberPage.of(rows, limit, lambda row: (row.account_id,))


def change_member_role(
    conn: db.Connection, caller: Caller, organisation_id: UUID, account_id: UUID, role: Role
) -> MemberView:
    """Give a member another role.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low. Or there is no such member.
        LastOwner: the member is the last owner.
    """
    lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    member = _get_member(conn, organisation_id, account_id)
    if member.role != role:
        if member.role == "owner":
            _check_owner_stays(conn, organisation_id, account_id)
        db.run(conn, SQL.set_role, organisation_id=organisation_id, account_id=account_id, role=role)
        change = {"before": {"role": member.role}, "after": {"role": role}}
        _record(conn, caller, "change_member_role", organisation_id, account_id, **change)
    return MemberView.model_validate(_get_member(conn, organisation_id, account_id))


def remove_member(conn: db.Connection, caller: Caller, organisation_id: UUID, account_id: UUID) -> None:
    """Remove a member. Owners remove anybody, and each member can leave.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low. Or there is no such member.
        LastOwner: the member is the last owner.
    """
    lock_organisation(conn, organisation_id)
    if caller.account_id != account_id:
        require_role(conn, caller, organisation_id)
    member = _get_member(conn, organisation_id, account_id)
    if member.role == "owner":
        _check_owner_stays(conn, organisation_id, account_id)
    db.run(conn, SQL.delete_member, organisation_id=organisation_id, account_id=account_id)
    _record(conn, caller, "remove_member", organisation_id, account_id, before={"role": member.role}, after=None)


def hand_over(conn: db.Connection, caller: Caller, organisation_id: UUID, account_id: UUID) -> MemberView:
    """Make a member the owner in place of the caller. By an admin, any account takes the place of all other owners.

    The former owners become managers. They and the new one are written to.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        Invalid: the account is the caller's own, no member, or blocked, so that nobody could decide any more.
    """
    lock_organisation(conn, organisation_id)
    former = _owners_to_replace(conn, caller, organisation_id, account_id)
    new = db.one(conn, MemberRow, SQL.get_member, organisation_id=organisation_id, account_id=account_id)
    if new and new.role == "owner" and not former:
        return MemberView.model_validate(new)
    for owner in former:
        db.run(conn, SQL.set_role, organisation_id=organisation_id, account_id=owner.account_id, role="manager")
    db.run(conn, SQL.set_role, organisation_id=organisation_id, account_id=account_id, role="owner")
    if not is_owner(conn, organisation_id, account_id):
        raise Invalid.at("body", "account_id", because="must be another account, since this one can decide nothing now")
    member = _get_member(conn, organisation_id, account_id)
    _owe_hand_over(conn, organisation_id, former, member)
    before = {str(owner.account_id): "owner" for owner in former} | {str(account_id): new.role if new else None}
    after = {str(owner.account_id): "manager" for owner in former} | {str(account_id): "owner"}
    _record(conn, caller, "hand_over_organisation", organisation_id, account_id, before=before, after=after)
    return MemberView.model_validate(member)


def _owners_to_replace(conn: db.Connection, caller: Caller, organisation_id: UUID, account_id: UUID) -> list[MemberRow]:
    """Return the owners who become managers when an account becomes the owner, if the caller may decide that.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        Invalid: the account is the caller's own, or no member. For an admin: there is no such account.
    """
    owners = db.many(conn, MemberRow, SQL.list_owners, organisation_id=organisation_id)
    own = [owner for owner in owners if owner.account_id == caller.account]
    if not own and is_admin(conn, caller):
        if not accounts.exists(conn, account_id):
            raise Invalid.at("body", "account_id", because="must be the id of an account")
        return [owner for owner in owners if owner.account_id != account_id]
    require_role(conn, caller, organisation_id)
    if account_id == caller.account:
        raise Invalid.at("body", "account_id", because="must be another member, since this is your own account")
    if not db.one(conn, MemberRow, SQL.get_member, organisation_id=organisation_id, account_id=account_id):
        raise Invalid.at("body", "account_id", because="must be a member of the organisation; invite the account first")
    return own


def _owe_hand_over(conn: db.Connection, organisation_id: UUID, former: list[MemberRow], new: MemberRow) -> None:
    payload = {"organisation_id": str(organisation_id), "new_owner_id": str(new.account_id)}
    for template, people in (("ownership_received", [new]), ("ownership_handed_over", former)):
        emails = [(person.email, payload) for person in people if person.email]
        outbox.owe_emails(conn, template, emails)


def list_invitations(
    conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None
) -> InvitationPage:
    """Return a page of the invitations of an organisation that can still be accepted, newest first.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    before = decode_id(cursor) or LAST_ID
    rows = db.page(
        conn, InvitationRow, SQL.list_invitations, organisation_id=organisation_id, before=before, limit=limit
    )
    return InvitationPage.of(rows, limit)


def invite_member(
    conn: db.Connection, caller: Caller, organisation_id: UUID, request: InvitationRequest
) -> InvitationView:
    """Invite somebody by email. A second invitation of an address replaces the first, and ends its link.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        MayNotInvite: an admin has rejected or suspended it.
        AlreadyMember: a member has this address.
    """
    organisation = lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    rules.check_may_invite(organisation.status)
    if member := db.one(conn, dict, SQL.get_member_of_address, organisation_id=organisation_id, email=request.email):
        raise AlreadyMember(**member)
    invitation_id = new_id()
    token_id = one_time.issue(conn, Purpose.INVITATION, rules.INVITATION_LIFETIME, invitation_id=str(invitation_id))
    db.run(
        conn,
        SQL.replace_invitation,
        id=invitation_id,
        organisation_id=organisation_id,
        email=request.email,
        role=request.role,
        invited_by=caller.account,
        expires_at=datetime.now(UTC) + rules.INVITATION_LIFETIME,
    )
    payload = {"invitation_id": str(invitation_id), "token_id": str(token_id)}
    outbox.owe_email(conn, "invitation", request.email, payload)
    invitation = _get_invitation(conn, invitation_id)
    _record_invitation(conn, caller, "invite_member", invitation)
    return InvitationView.model_validate(invitation)


def revoke_invitation(conn: db.Connection, caller: Caller, organisation_id: UUID, invitation_id: UUID) -> None:
    """Withdraw an invitation, so that nobody can accept it any more.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low. Or it has no such invitation.
    """
    lock_organisation(conn, organisation_id)
    require_role(conn, caller, organisation_id)
    invitation = _delete_invitation(conn, organisation_id, invitation_id)
    if invitation is None:
        raise NotFound
    _record_invitation(conn, caller, "revoke_invitation", invitation)


def accept_invitation(conn: db.Connection, caller: Caller, token: str) -> MembershipView:
    """Become a member. A member who was invited again keeps the higher role.

    Only the account with the invited address can accept. The link came to that address, so it proves the address too.
    Whoever sent it must still be an owner. So an owner who was removed leaves no way in behind.

    Raises:
        InvitationOver: the token is none of ours, or its invitation can no longer be accepted.
        InvitationForAnother: the account has another address.
    """
    payload = one_time.redeem(conn, Purpose.INVITATION, token)
    found = db.one(conn, InvitationRow, SQL.get_invitation, id=UUID(payload["invitation_id"])) if payload else None
    if found is None:
        raise InvitationOver
    if not accounts.verify_email(conn, caller.account, found.email):
        raise InvitationForAnother
    organisation = lock_organisation(conn, found.organisation_id)
    invitation = _delete_invitation(conn, organisation.id, found.id)
    if invitation is None or not is_owner(conn, organisation.id, invitation.invited_by):
        raise InvitationOver
    role = _join(conn, caller, invitation)
    return MembershipView(organisation_id=organisation.id, name=organisation.name, role=role)


def _join(conn: db.Connection, caller: Caller, invitation: InvitationRow) -> Role:
    """Make the caller a member, or raise their role to that of the invitation. Return the role that they have then."""
    organisation_id, account_id = invitation.organisation_id, caller.account
    member = db.one(conn, MemberRow, SQL.get_member, organisation_id=organisation_id, account_id=account_id)
    role = rules.higher_role(member.role, invitation.role) if member else invitation.role
    db.run(conn, SQL.set_role, organisation_id=organisation_id, account_id=account_id, role=role)
    change: dict[str, Any] = {"before": {"role": member.role} if member else None, "after": {"role": role}}
    _record_invitation(conn, caller, "accept_invitation", invitation, **change)
    return role


def list_expired_invitations(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return a batch of invitations that are over.

    Args:
        leave_out: those that the run has tried already.
    """
    return db.values(conn, SQL.list_expired_invitations, leave_out=list(leave_out), batch=_BATCH)


def purge_invitations(conn: db.Connection, invitation_ids: Sequence[UUID]) -> int:
    """Delete invitations that are over, with the addresses in them."""
    return db.run(conn, SQL.purge_invitations, ids=list(invitation_ids))


def is_owner(conn: db.Connection, organisation_id: UUID, account_id: UUID) -> bool:
    """Return True if an account owns an organisation, and is not blocked."""
    return bool(db.value(conn, SQL.is_owner, organisation_id=organisation_id, account_id=account_id))


def _check_owner_stays(conn: db.Connection, organisation_id: UUID, account_id: UUID) -> None:
    """Check that an organisation, which the transaction has locked, has an owner without this one.

    Raises:
        LastOwner: it has none.
    """
    if not db.value(conn, SQL.has_other_owner, organisation_id=organisation_id, account_id=account_id):
        raise LastOwner


def _get_member(conn: db.Connection, organisation_id: UUID, account_id: UUID) -> MemberRow:
    return db.get(conn, MemberRow, SQL.get_member, organisation_id=organisation_id, account_id=account_id)


def _get_invitation(conn: db.Connection, invitation_id: UUID) -> InvitationRow:
    return db.get(conn, InvitationRow, SQL.get_invitation, id=invitation_id)


def _delete_invitation(conn: db.Connection, organisation_id: UUID, invitation_id: UUID) -> InvitationRow | None:
    return db.one(conn, InvitationRow, SQL.delete_invitation, organisation_id=organisation_id, id=invitation_id)


def _record(
    conn: db.Connection, caller: Caller | None, action: str, organisation_id: UUID, account_id: UUID, **facts: Any
) -> None:
    audit.record(conn, caller, action, f"account {account_id}", organisation=organisation_id, **facts)


def _record_invitation(
    conn: db.Connection, caller: Caller, action: str, invitation: InvitationRow, **facts: Any
) -> None:
    facts = {"email": invitation.email, "role": invitation.role, **facts}
    audit.record(conn, caller, action, f"invitation {invitation.id}", organisation=invitation.organisation_id, **facts)


def leave_all(conn: db.Connection, caller: Caller | None, account_id: UUID) -> int:
    """End all memberships of an account, and return their number.

    Raises:
        LastOwnerOf: some organisations have no other owner.
    """
    for membership in db.many(conn, dict, SQL.list_organisations_of, account_id=account_id):
        lock_organisation(conn, membership["id"])
    memberships = db.many(conn, dict, SQL.list_organisations_of, account_id=account_id)
    if owned := [each for each in memberships if each["is_only_owner"]]:
        raise LastOwnerOf(organisations=[{"id": each["id"], "name": each["name"]} for each in owned])
    db.run(conn, SQL.delete_memberships, account_id=account_id)
    for each in memberships:
        _record(conn, caller, "remove_member", each["id"], account_id, before={"role": each["role"]}, after=None)
    return len(memberships)


def withdraw_invitations_to(conn: db.Connection, email: str) -> int:
    """Delete all invitations to an address, and return their number."""
    return db.run(conn, SQL.delete_invitations_to, email=email)
