"""Owners, invited people and admins who change an organisation, as actions that a test may race or kill."""

from collections.abc import Callable
from uuid import UUID

import psycopg

from boxoffice.auth import Caller, Who
from boxoffice.errors import DomainError
from boxoffice.organisations import members, service
from boxoffice.organisations.models import DecisionRequest, InvitationRequest

DONE = "done"


def outcome(conn: psycopg.Connection, act: Callable[[], object]) -> str:
    """Do something in a transaction. Return "done", or the code of the error."""
    try:
        with conn.transaction():
            act()
    except DomainError as error:
        return error.code
    return DONE


def owner(account: UUID) -> Caller:
    """Return a caller of a route that is for owners."""
    return Caller(Who.OWNER, account)


def invite(
    conn: psycopg.Connection, organisation: UUID, by: UUID, email: str = "chi@example.com", role: str = "manager"
) -> str:
    """Invite an address."""
    request = InvitationRequest.model_validate({"email": email, "role": role})
    return outcome(conn, lambda: members.invite_member(conn, owner(by), organisation, request))


def withdraw(conn: psycopg.Connection, organisation: UUID, by: UUID, invitation: UUID) -> str:
    """Withdraw an invitation."""
    return outcome(conn, lambda: members.revoke_invitation(conn, owner(by), organisation, invitation))


def accept(conn: psycopg.Connection, account: UUID, token: str) -> str:
    """Accept an invitation."""
    return outcome(conn, lambda: members.accept_invitation(conn, Caller(Who.ACCOUNT, account), token))


def remove(conn: psycopg.Connection, organisation: UUID, by: UUID, member: UUID) -> str:
    """Remove a member."""
    return outcome(conn, lambda: members.remove_member(conn, owner(by), organisation, member))


def change_role(conn: psycopg.Connection, organisation: UUID, by: UUID, member: UUID, role: str) -> str:
    """Give a member another role."""
    return outcome(
        conn,
        lambda: members.change_member_role(conn, owner(by), organisation, member, role),  # type: ignore[arg-type]
    )


def hand_over(conn: psycopg.Connection, organisation: UUID, by: UUID, to: UUID) -> str:
    """Hand an organisation over."""
    return outcome(conn, lambda: members.hand_over(conn, owner(by), organisation, to))


def decide(conn: psycopg.Connection, organisation: UUID, by: UUID, decision: str, expected: int | None = None) -> str:
    """Decide on an organisation, as an admin."""
    request = DecisionRequest.model_validate({"decision": decision, "reason": f"We {decision} it."})
    admin = Caller(Who.ADMIN, by)
    return outcome(conn, lambda: service.decide_application(conn, admin, organisation, request, expected))
