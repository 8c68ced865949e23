"""Who calls, and what they may do."""

import time
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from boxoffice import db, sql
from boxoffice.config import settings
from boxoffice.errors import Forbidden, NotFound, Unauthenticated
from boxoffice.signing import current_key, is_token, key, token

SQL = sql.queries()

ACCESS_LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_AUDIENCE = "boxoffice"


class Who(StrEnum):
    """Who may call a route. A route declares one; from scanner on it is a role in the organisation concerned."""

    PUBLIC = "public"
    PROVIDER = "provider"
    GUEST = "guest"
    ACCOUNT = "account"
    SCANNER = "scanner"
    MANAGER = "manager"
    OWNER = "owner"
    ADMIN = "admin"


_ROLES = (Who.SCANNER, Who.MANAGER, Who.OWNER)


@dataclass(frozen=True)
class Caller:
    """Whoever sent the request, and what the route asks of them."""

    needs: Who
    account_id: UUID | None = None
    session_id: UUID | None = None
    order_token: str | None = None
    address: str = ""

    @property
    def account(self) -> UUID:
        """The account, on a route that is for accounts."""
        if self.account_id is None:
            raise Unauthenticated
        return self.account_id


def identify(needs: Who, authorization: str | None, order_token: str | None, address: str) -> Caller:
    """The caller of a route, from the request's headers.

    Raises:
        Unauthenticated: a credential is wrong, or the route needs one and there is none.
    """
    if needs is Who.PROVIDER:
        return Caller(needs, address=address)
    account_id, session_id = _verify_access_token(authorization) if authorization else (None, None)
    guest = needs is Who.GUEST and order_token is not None
    if account_id is None and not guest and needs is not Who.PUBLIC:
        raise Unauthenticated
    return Caller(needs, account_id, session_id, order_token, address)


def issue_access_token(account_id: UUID, session_id: UUID) -> str:
    """A JWT (RFC 7519) for fifteen minutes, signed with the current key, whose id it carries as ``kid``."""
    import jwt

    key_id, secret = current_key(settings().token_keys_secret)
    now = int(time.time())
    claims = {
        "sub": str(account_id),
        "sid": str(session_id),
        "aud": _AUDIENCE,
        "iat": now,
        "exp": now + int(ACCESS_LIFETIME.total_seconds()),
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM, headers={"kid": key_id})


def _verify_access_token(authorization: str) -> tuple[UUID, UUID]:
    import jwt

    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    try:
        key_id = jwt.get_unverified_header(credential).get("kid")
        secret = key(settings().token_keys_secret, str(key_id))
        if secret is None:
            raise Unauthenticated
        claims = jwt.decode(
            credential,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["exp", "sub", "sid", "aud"]},
        )
        return UUID(claims["sub"]), UUID(claims["sid"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated from error


def order_token(order_id: UUID) -> str:
    """The token that lets a guest read their order. It is derived, so any email can carry it (decision 15)."""
    return token(settings().ticket_keys_secret, "order", order_id.bytes)


def ticket_token(ticket_id: UUID, transfer_count: int) -> str:
    """The token by which a guest to whom a ticket passed reads it. The next transfer ends it."""
    return token(settings().ticket_keys_secret, "holder", _ticket(ticket_id, transfer_count))


def holds_ticket(caller: Caller, ticket_id: UUID, transfer_count: int) -> bool:
    """Whether the caller presents, in the place of an order's token, that of this ticket."""
    presented = caller.order_token
    ring = settings().ticket_keys_secret
    return presented is not None and is_token(ring, "holder", _ticket(ticket_id, transfer_count), presented)


def _ticket(ticket_id: UUID, transfer_count: int) -> bytes:
    return ticket_id.bytes + transfer_count.to_bytes(2)


def holds_order(caller: Caller, order_id: UUID) -> bool:
    """Whether the caller presents the token of this order."""
    presented = caller.order_token
    return presented is not None and is_token(settings().ticket_keys_secret, "order", order_id.bytes, presented)


def role_of(conn: db.Connection, caller: Caller, organisation_id: UUID) -> Who | None:
    """The caller's role in an organisation, or None."""
    if caller.account_id is None:
        return None
    role = db.value(conn, SQL.role_of, organisation_id=organisation_id, account_id=caller.account_id)
    return Who(role) if role else None


def require_role(conn: db.Connection, caller: Caller, organisation_id: UUID) -> None:
    """Let through whoever has the role that the route declares, or a higher one, in this organisation.

    Raises:
        NotFound: the caller does not belong to it, and shall not learn that it exists.
        Forbidden: the caller belongs to it, in a lower role.
    """
    role = role_of(conn, caller, organisation_id)
    if role is None:
        raise NotFound
    if not covers(role, caller.needs):
        raise Forbidden(required_role=caller.needs, your_role=role)


def require_order(
    conn: db.Connection, caller: Caller, order_id: UUID, organisation_id: UUID, account_id: UUID | None
) -> Who:
    """Let through an order's guest, its buyer's account, and managers of the organisation that sells.

    Returns:
        As which of the three the caller comes.

    Raises:
        NotFound: the caller is none of them.
        Forbidden: the caller belongs to the organisation, in a lower role.
    """
    if holds_order(caller, order_id):
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
    """Let through administrators of the platform.

    Raises:
        Forbidden: the caller is none.
    """
    if not db.value(conn, SQL.is_admin, account_id=caller.account):
        raise Forbidden(required_role=Who.ADMIN, your_role=None)


def covers(role: Who, needed: Who) -> bool:
    """Whether a role includes another."""
    return _ROLES.index(role) >= _ROLES.index(needed)
