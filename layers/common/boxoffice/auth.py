"""Who calls, and what they may do."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from boxoffice import credentials, db, sql
from boxoffice.config import settings
from boxoffice.errors import Forbidden, NotFound, Unauthenticated
from boxoffice.signing import current_key, is_token, key, token

SQL = sql.queries()

ACCESS_LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_AUDIENCE = "boxoffice"


class Who(StrEnum):
    """Who may call a route. A route declares one.

    Scanner, manager and owner are roles in the organisation that the request is about.
    """

    PUBLIC = "public"
    PROVIDER = "provider"
    GUEST = "guest"
    ACCOUNT = "account"
    SCANNER = "scanner"
    MANAGER = "manager"
    OWNER = "owner"
    ADMIN = "admin"


type GuestResource = Literal["order", "ticket", "waitlist entry"]
"""What a guest holds the token of. Each kind has a purpose of its own, so that no token serves another kind."""

_ROLES = (Who.SCANNER, Who.MANAGER, Who.OWNER)


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request, and what the route asks of them."""

    needs: Who
    account_id: UUID | None = None
    session_id: UUID | None = None
    guest_token: str | None = None
    address: str = ""
    operation: str = ""  # the name of the route's function

    @property
    def account(self) -> UUID:
        """Return the id of the caller's account, on a route that needs one.

        Raises:
            Unauthenticated: the caller has none.
        """
        if self.account_id is None:
            raise Unauthenticated
        return self.account_id

    @property
    def actor(self) -> UUID | None:
        """Return the id of whoever acts; None for a guest or a provider."""
        return self.account_id

    @property
    def actor_kind(self) -> str:
        """Return what acts: an account, or a guest."""
        return "account" if self.account_id else "guest"

    @property
    def entrance(self) -> dict[str, UUID | None]:
        """Return the parameters of a statement that checks by itself if the caller may enter an organisation."""
        return {"account_id": self.account_id}


def acting_as(caller: Caller, account_id: UUID) -> Caller:
    """Return the caller, now known by an account: a token or a password in the request has proven it."""
    return replace(caller, account_id=account_id)


def identify(needs: Who, operation: str, authorization: str | None, guest_token: str | None, address: str) -> Caller:
    """Return the caller of a route, from the request's headers.

    Args:
        operation: the name of the route's function.

    Raises:
        Unauthenticated: a credential is wrong or over, or the route needs one and there is none.
    """
    if needs is Who.PROVIDER:
        return Caller(needs, address=address, operation=operation)
    account_id, session_id = _verify_session(authorization) if authorization else (None, None)
    is_guest = needs is Who.GUEST and guest_token is not None
    if account_id is None and not is_guest and needs is not Who.PUBLIC:
        raise Unauthenticated
    return Caller(needs, account_id, session_id, guest_token, address, operation)


def issue_access_token(account_id: UUID, session_id: UUID) -> str:
    """Return a JWT (RFC 7519) for fifteen minutes. The current key signs it; its header names the key as ``kid``."""
    import jwt

    key_id, secret = current_key(settings().token_keys_secret)
    now = int(time.time())
    payload = {
        "sub": str(account_id),
        "sid": str(session_id),
        "aud": _AUDIENCE,
        "iat": now,
        "exp": now + int(ACCESS_LIFETIME.total_seconds()),
    }
    return jwt.encode(payload, secret, algorithm=_ALGORITHM, headers={"kid": key_id})


def _verify_session(authorization: str) -> tuple[UUID, UUID]:
    """Return the ids of the account and of its open session that an Authorization header proves."""
    account_id, session_id = _verify_access_token(authorization)
    if not credentials.is_live_session(account_id, session_id):
        raise Unauthenticated
    return account_id, session_id


def _verify_access_token(authorization: str) -> tuple[UUID, UUID]:
    """Return the ids of the account and the session that an Authorization header proves."""
    import jwt

    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    try:
        key_id = jwt.get_unverified_header(credential).get("kid")
        secret = key(settings().token_keys_secret, str(key_id))
        if secret is None:
            raise Unauthenticated
        payload = jwt.decode(
            credential,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["exp", "sub", "sid", "aud"]},
        )
        return UUID(payload["sub"]), UUID(payload["sid"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated from error


def order_token(order_id: UUID) -> str:
    """Return the token that lets a guest read an order. It is derived, so any email can carry it (decision 15)."""
    return _guest_token("order", order_id)


def ticket_token(ticket_id: UUID, transfer_count: int) -> str:
    """Return the token that lets a guest read a ticket that was transferred to them. The next transfer ends it."""
    return _guest_token("ticket", ticket_id, transfer_count)


def waitlist_token(entry_id: UUID) -> str:
    """Return the token that lets a guest accept an offer to a waitlist entry, or leave the waitlist."""
    return _guest_token("waitlist entry", entry_id)


def is_guest_token(presented: str | None, kind: GuestResource, resource_id: UUID, transfer_count: int = 0) -> bool:
    """Return True if ``presented`` is the token of this resource.

    Args:
        transfer_count: of a ticket; each transfer ends the token before.
    """
    if presented is None:
        return False
    return is_token(settings().link_keys_secret, kind, _message(resource_id, transfer_count), presented)


def _guest_token(kind: GuestResource, resource_id: UUID, transfer_count: int = 0) -> str:
    return token(settings().link_keys_secret, kind, _message(resource_id, transfer_count))


def _message(resource_id: UUID, transfer_count: int) -> bytes:
    """Return the bytes that a token proves."""
    return resource_id.bytes + transfer_count.to_bytes(2)


def role_of(conn: db.Connection, caller: Caller, organisation_id: UUID) -> Who | None:
    """Return the caller's role in an organisation, or None. An admin acts as manager everywhere."""
    if caller.account_id is None:
        return None
    role = db.value(conn, SQL.role_of, organisation_id=organisation_id, account_id=caller.account_id)
    return Who(role) if role else None


def require_role(conn: db.Connection, caller: Caller, organisation_id: UUID) -> None:
    """Let through members of this organisation with the role that the route declares, or a higher one.

    Raises:
        NotFound: the caller does not belong to it, and must not learn that it exists.
        Forbidden: the caller belongs to it, in a lower role.
    """
    role = role_of(conn, caller, organisation_id)
    if role is None:
        raise NotFound
    if not covers(role, caller.needs):
        raise Forbidden(required_role=caller.needs, your_role=role)


def require_holder(
    conn: db.Connection,
    caller: Caller,
    kind: GuestResource,
    resource_id: UUID,
    organisation_id: UUID,
    account_id: UUID | None,
) -> Who:
    """Let through a guest with the token of a resource, the account that it belongs to, and managers of the seller.

    Args:
        organisation_id: the seller.
        account_id: the account that the resource belongs to, if there is one.

    Returns:
        GUEST, ACCOUNT or MANAGER: which of the three the caller is.

    Raises:
        NotFound: the caller is none of them.
        Forbidden: the caller belongs to the organisation, in a lower role.
    """
    if is_guest_token(caller.guest_token, kind, resource_id):
        return Who.GUEST
    if account_id is not None and account_id == caller.account_id:
        return Who.ACCOUNT
    role = role_of(conn, caller, organisation_id)
    if role is None:
        raise NotFound
    if not covers(role, Who.MANAGER):
        raise Forbidden(required_role=Who.MANAGER, your_role=role)
    return Who.MANAGER


def require_admin(conn: db.Connection, caller: Caller) -> None:
    """Let through admins of the platform.

    Raises:
        Forbidden: the caller is not an admin.
    """
    if not is_admin(conn, caller):
        raise Forbidden(required_role=Who.ADMIN, your_role=None)


def is_admin(conn: db.Connection, caller: Caller) -> bool:
    """Return True if the caller's account is an admin of the platform."""
    return bool(db.value(conn, SQL.is_admin, account_id=caller.account))


def covers(role: Who, needed: Who) -> bool:
    """Return True if a role includes the one that is needed."""
    return _ROLES.index(role) >= _ROLES.index(needed)
