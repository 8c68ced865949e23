"""Emails about organisations: decisions on their applications, invitations, and the hand-over."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from boxoffice import db, one_time, sql
from boxoffice.accounts.models import Role
from boxoffice.emails import Content, NotNeeded, link, write
from boxoffice.languages import N_, gettext
from boxoffice.one_time import Purpose
from boxoffice.organisations import members
from boxoffice.organisations.models import Decision
from boxoffice.times import in_utc

SQL = sql.queries("organisations")

# No subject has the name of an organisation: anybody can make one, and no admin has seen it yet.
_SUBJECTS: dict[Decision, str] = {
    "approve": N_("Your organisation can sell tickets now"),
    "reject": N_("Your organisation was not approved"),
    "suspend": N_("Your organisation is suspended"),
}
_MOST_NAME = 100  # characters of a name in an invitation, which goes to people who know neither of us


@dataclass(frozen=True)
class EmailInvitation:
    """An invitation as its email shows it."""

    id: UUID
    organisation_id: UUID
    organisation: str
    role: Role
    invited_by: UUID
    expires_at: datetime


def organisation_decided(conn: db.Connection, organisation_id: str, decision: Decision, reason: str | None) -> Content:
    """Tell an owner what an admin has decided on their organisation, and why."""
    name = db.value(conn, SQL.get_name, id=UUID(organisation_id))
    if name is None:
        raise LookupError(f"organisation {organisation_id}")
    facts = {"name": name, "decision": decision, "reason": reason}
    return write("organisation_decided", gettext(_SUBJECTS[decision]), facts)


def invitation(conn: db.Connection, invitation_id: str, token_id: str) -> Content:
    """Invite somebody to an organisation, with a link that accepts.

    It goes to an address that anybody may have entered. So of all that people have written, it has one short name. The
    subject has none.
    """
    found = db.one(conn, EmailInvitation, SQL.get_invitation_for_email, id=UUID(invitation_id))
    if found is None or not members.is_owner(conn, found.organisation_id, found.invited_by):
        raise NotNeeded("the invitation is over")
    name = found.organisation if len(found.organisation) <= _MOST_NAME else f"{found.organisation[:_MOST_NAME]}…"
    token = one_time.token_of(Purpose.INVITATION, UUID(token_id))
    facts = {
        "organisation": name,
        "role": found.role,
        "until": in_utc(found.expires_at),
        "link": link("invitations", found.id, token),
    }
    return write("invitation", gettext("You are invited to an organisation"), facts)


def ownership_received(conn: db.Connection, organisation_id: str, new_owner_id: str) -> Content:
    """Tell the new owner of an organisation that it is theirs."""
    names = _names_of_hand_over(conn, organisation_id, new_owner_id)
    return write("ownership_received", gettext("You are now the owner of an organisation"), names)


def ownership_handed_over(conn: db.Connection, organisation_id: str, new_owner_id: str) -> Content:
    """Tell a former owner of an organisation who owns it now, and what to do if that is wrong."""
    names = _names_of_hand_over(conn, organisation_id, new_owner_id)
    return write("ownership_handed_over", gettext("Your organisation has another owner now"), names)


EMAILS = (organisation_decided, invitation, ownership_received, ownership_handed_over)


def _names_of_hand_over(conn: db.Connection, organisation_id: str, new_owner_id: str) -> dict[str, Any]:
    ids = {"organisation_id": UUID(organisation_id), "new_owner_id": UUID(new_owner_id)}
    return db.exactly_one(conn, dict, SQL.get_hand_over_for_email, **ids)
