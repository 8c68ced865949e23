"""Who calls, and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from typing import Literal
from uuid import UUID

from boxoffice import addresses, audit, credentials, db, platform_settings, sql
from boxoffice.access_tokens import verify_access_token
from boxoffice.bearer_secrets import DEVICE_TOKEN, is_secret
from boxoffice.credentials import ApiKey, DoorDevice, Session
from boxoffice.errors import (
    AccountNeeded,
    Forbidden,
    NotFound,
    OutOfScope,
    OutsideDoorPass,
    PasswordChangeNeeded,
    SecondFactorRequired,
    Unauthenticated,
)
from boxoffice.guest_tokens import GuestResource, is_guest_token
from boxoffice.platform_settings import SecondFactorRule
from boxoffice.scopes import Scope, allows

SQL = sql.queries()

_MOST_OF_USER_AGENT = 300  # characters; browsers send about 150


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


type ActorKind = Literal["account", "key", "device", "guest"]

# What an account may do before it has changed a password that somebody else has chosen.
_BEFORE_PASSWORD_CHANGE = frozenset({"change_password", "get_me", "log_out", "log_out_everywhere"})
_ROLES = (Who.SCANNER, Who.MANAGER, Who.OWNER)
_NEEDS_SECOND_FACTOR: dict[SecondFactorRule, tuple[Who, ...]] = {
    "none": (),
    "admins": (Who.ADMIN,),
    "owners_and_admins": (Who.OWNER, Who.ADMIN),
}


class Devices(Enum):
    """When door devices may call a route: never, until their pass ends, or for an hour longer."""

    NEVER = None
    DURING_PASS = timedelta(0)
    AND_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Access:
    """What a route declares of its callers.

    Attributes:
        operation: the name of the route's function.
        reads: True if the operation changes nothing.
        scope: what an API key needs. None if no key may call it.
    """

    who: Who
    operation: str = ""
    reads: bool = False
    scope: Scope | None = None
    devices: Devices = Devices.NEVER

    @property
    def is_open_to_old_passwords(self) -> bool:
        """Return True if an account may call the route before it has changed the password that a deploy gave it."""
        return self.who in (Who.PUBLIC, Who.PROVIDER) or self.operation in _BEFORE_PASSWORD_CHANGE


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request, and what the route asks of them.

    Attributes:
        session: the open session of a person who calls.
        key: the API key that a program sends.
        device: the door device that calls.
        operation: the name of the route's function.
        address: where the request comes from.
        buyer_address: whom a trusted shop sends the request for. Only limits use it.
        reads: True if the operation changes nothing.
    """

    needs: Who
    account_id: UUID | None = None
    session_id: UUID | None = None
    guest_token: str | None = None
    address: str = ""
    operation: str = ""
    reads: bool = False
    session: Session | None = None
    key: ApiKey | None = None
    device: DoorDevice | None = None
    user_agent: str = ""
    buyer_address: str | None = None

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
        """Return the id of whoever acts: an account, a key or a device. None for a guest or a provider."""
        machine = self.key or self.device
        return machine.id if machine else self.account_id

    @property
    def actor_kind(self) -> ActorKind:
        """Return what acts: an account, a key, a device, or a guest, whom nobody knows."""
        if self.key:
            return "key"
        if self.device:
            return "device"
        return "account" if self.account_id else "guest"

    @property
    def acts_for(self) -> UUID | None:
        """Return the one organisation that a key or a device acts for. None for people."""
        machine = self.key or self.device
        return machine.organisation_id if machine else None

    @property
    def for_log(self) -> dict[str, str | None]:
        """Return what logs say of the caller."""
        return {
            "operation": self.operation,
            "actor_kind": self.actor_kind,
            "actor_id": str(self.actor) if self.actor else None,
            "network": addresses.part_of_network(self.address),
        }

    @property
    def entrance(self) -> dict[str, UUID | None]:
        """Return the parameters of a statement that checks by itself if the caller may enter an organisation."""
        return {"acts_for": self.acts_for, "account_id": self.account_id}


def acting_as(caller: Caller, account_id: UUID) -> Caller:
    """Return the caller, now known by an account: a token or a password in the request has proven it."""
    return replace(caller, account_id=account_id)


def identify(access: Access, headers: Mapping[str, str], connected: str) -> Caller:
    """Return the caller of a route, whom `check_access` then lets in or not.

    Args:
        headers: of the request.
        connected: the address that has connected to API Gateway.

    Raises:
        Unauthenticated: a credential is wrong or over, or the route needs one and there is none.
        Invalid: a shop passes on an address that is none.
    """
    caller = approach(access, headers, connected)
    if access.who is Who.PROVIDER:
        return caller
    authorization, presented_key = headers.get("authorization"), headers.get("x-api-key")
    if presented_key is not None:
        if authorization:
            raise Unauthenticated("Send an access token or an API key, not both.")
        return _identify_key(caller, presented_key, headers.get(addresses.BUYER_ADDRESS))
    if authorization:
        return _identify_bearer(caller, authorization)
    is_guest = access.who is Who.GUEST and caller.guest_token is not None
    if not is_guest and access.who is not Who.PUBLIC:
        raise Unauthenticated("The request has no credential. Send an access token as `Authorization: Bearer …`.")
    return caller


def approach(access: Access, headers: Mapping[str, str], connected: str) -> Caller:
    """Return the caller as anybody could be, before their credential is looked at."""
    return Caller(
        access.who,
        guest_token=headers.get("x-order-token"),
        address=addresses.address_of(headers, connected),
        operation=access.operation,
        reads=access.reads,
        user_agent=headers.get("user-agent", "")[:_MOST_OF_USER_AGENT],
    )


def _identify_key(caller: Caller, presented: str, buyer_address: str | None) -> Caller:
    """Return the caller with the API key that they send, and with the buyer's address that they pass on."""
    key = credentials.find_key(presented)
    if key is None:
        raise Unauthenticated(
            "The API key is wrong, revoked or over. Ask an owner of the organisation for another one."
        )
    if buyer_address is None:
        return replace(caller, key=key)
    return replace(caller, key=key, buyer_address=addresses.passed_on_address(buyer_address))


def _identify_bearer(caller: Caller, authorization: str) -> Caller:
    """Return the caller with the account or the door device that an Authorization header proves."""
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("The credential has another scheme. Send it as `Authorization: Bearer …`.")
    if is_secret(credential, DEVICE_TOKEN):
        device = credentials.find_device(credential)
        if device is None:
            raise Unauthenticated("The token of the device is wrong, or was revoked. Pair the device again.")
        return replace(caller, device=device)
    account_id, session_id = verify_access_token(credential)
    session = credentials.find_session(account_id, session_id)
    if session is None:
        raise Unauthenticated("The session has ended. Log in again.")
    return replace(caller, account_id=account_id, session_id=session_id, session=session)


def check_access(access: Access, caller: Caller) -> None:
    """Check that a route lets in callers with such a credential.

    Raises:
        OutOfScope, AccountNeeded: the credential is right, but not for this route.
        Unauthenticated: the door pass of a device has ended.
        PasswordChangeNeeded: the account must change its password first.
        SecondFactorRequired: the caller is an admin, and lacks a second factor.
    """
    if caller.key:
        _check_scopes(access, caller.key, passes_address_on=caller.buyer_address is not None)
    elif caller.device:
        _check_pass(access, caller.device)
    elif caller.session:
        if caller.session.must_change_password and not access.is_open_to_old_passwords:
            raise PasswordChangeNeeded
        if access.who in (*_ROLES, Who.ADMIN) and caller.session.is_admin:
            with db.autocommit() as conn:
                require_second_factor(conn, caller, Who.ADMIN)


def _check_scopes(access: Access, key: ApiKey, *, passes_address_on: bool) -> None:
    if access.scope is None:
        raise AccountNeeded
    for scope in (access.scope, Scope.BUYERS_ADDRESS) if passes_address_on else (access.scope,):
        if not allows(key.scopes, scope):
            raise OutOfScope(required_scope=scope, scopes=sorted(key.scopes))


def _check_pass(access: Access, device: DoorDevice) -> None:
    if access.devices.value is None:
        raise AccountNeeded
    if datetime.now(UTC) >= device.until + access.devices.value:
        raise Unauthenticated("The door pass has ended. Ask a manager for another one.")


def role_of(conn: db.Connection, caller: Caller, organisation_id: UUID) -> Who | None:
    """Return the caller's role in an organisation, or None. An admin acts as manager everywhere.

    A key whose scope the route needs has the role that the route needs, and elsewhere that of a manager.

    Raises:
        NotFound: the caller is a key or a device of another organisation.
    """
    require_own(caller, organisation_id)
    if caller.key:
        return caller.needs if caller.needs in _ROLES else Who.MANAGER
    if caller.device:
        return Who.SCANNER
    if caller.account_id is None:
        return None
    role = db.value(
        conn,
        SQL.role_of,
        organisation_id=organisation_id,
        account_id=caller.account_id,
        as_admin=not _lacks_second_factor(conn, caller, Who.ADMIN),
    )
    return Who(role) if role else None


def require_own(caller: Caller, organisation_id: UUID) -> None:
    """Let through people, and the keys and devices of this organisation.

    Raises:
        NotFound: the caller is a key or a device of another organisation.
    """
    if caller.acts_for not in (None, organisation_id):
        raise NotFound


def require_event(caller: Caller, event_id: UUID) -> None:
    """Let through all but a door device whose pass is for other events.

    Raises:
        OutsideDoorPass: the caller is such a device.
    """
    if caller.device and event_id not in caller.device.event_ids:
        raise outside(caller.device)


def outside(device: DoorDevice) -> OutsideDoorPass:
    """Return the error that tells a device which events and gates its pass is for."""
    return OutsideDoorPass(event_ids=device.event_ids, gates=device.gates)


def require_role(conn: db.Connection, caller: Caller, organisation_id: UUID) -> Who:
    """Let through members of this organisation with the role that the route declares, or a higher one.

    Returns:
        Their role.

    Raises:
        NotFound: the caller does not belong to it, and must not learn that it exists.
        Forbidden: the caller belongs to it, in a lower role.
        SecondFactorRequired: the route is for owners, and this one lacks a second factor.
    """
    role = role_of(conn, caller, organisation_id)
    if role is None:
        raise NotFound
    if not covers(role, caller.needs):
        raise Forbidden(required_role=caller.needs, your_role=role)
    if caller.needs is Who.OWNER:
        require_second_factor(conn, caller, Who.OWNER)
    _note_read(conn, caller, organisation_id)
    return role


def _note_read(conn: db.Connection, caller: Caller, organisation_id: UUID) -> None:
    """Let the audit log have it if an admin reads what belongs to an organisation that is not theirs."""
    if caller.reads and caller.session and caller.session.is_admin:
        audit.record_read(conn, caller, organisation_id)


def require_second_factor(conn: db.Connection, caller: Caller, role: Who, rule: SecondFactorRule | None = None) -> None:
    """Let through all but people who need a second factor for what their role may do, and have none.

    Args:
        role: OWNER or ADMIN.
        rule: who needs one; by default as the settings say.

    Raises:
        SecondFactorRequired: the caller is such a person.
    """
    if _lacks_second_factor(conn, caller, role, rule):
        raise SecondFactorRequired


def _lacks_second_factor(conn: db.Connection, caller: Caller, role: Who, rule: SecondFactorRule | None = None) -> bool:
    """Return True for a person who needs a second factor for what their role may do, and has none."""
    if caller.account_id is None or caller.session_id is None or caller.session is None:
        return False  # a key or a device, or somebody who logs in just now
    if role is Who.ADMIN and not caller.session.is_admin:
        return False
    if role not in _NEEDS_SECOND_FACTOR[rule or platform_settings.current(conn).second_factor_required]:
        return False
    if caller.session.has_second_factor:
        return False
    credentials.forget(caller.session_id)  # it may have been set up elsewhere a moment ago
    session = credentials.find_session(caller.account_id, caller.session_id)
    return session is None or not session.has_second_factor


def require_holder(
    conn: db.Connection,
    caller: Caller,
    kind: GuestResource,
    resource_id: UUID,
    organisation_id: UUID,
    account_id: UUID | None,
    ended_tokens: int = 0,
) -> Who:
    """Let through a guest with the token of a resource, the account that it belongs to, and managers of the seller.

    Args:
        organisation_id: the seller.
        account_id: the account that the resource belongs to, if there is one.
        ended_tokens: how many of the resource's tokens have ended; see `guest_tokens`.

    Returns:
        GUEST, ACCOUNT or MANAGER: which of the three the caller is.

    Raises:
        NotFound: the caller is none of them, or a key of another organisation, whatever token it sends.
        Forbidden: the caller belongs to the organisation, in a lower role.
    """
    require_own(caller, organisation_id)
    if is_guest_token(caller.guest_token, kind, resource_id, ended_tokens):
        return Who.GUEST
    if account_id is not None and account_id == caller.account_id:
        return Who.ACCOUNT
    role = role_of(conn, caller, organisation_id)
    if role is None:
        raise NotFound
    if not covers(role, Who.MANAGER):
        raise Forbidden(required_role=Who.MANAGER, your_role=role)
    _note_read(conn, caller, organisation_id)
    return Who.MANAGER


def reads_address(conn: db.Connection, caller: Caller, email: str) -> bool:
    """Return True if the caller's account has proven, by a link, that it reads an email address."""
    account_id = caller.account_id
    return account_id is not None and bool(db.value(conn, SQL.has_verified_email, account_id=account_id, email=email))


def require_admin(conn: db.Connection, caller: Caller) -> None:
    """Let through admins of the platform.

    Raises:
        Forbidden: the caller is not an admin.
    """
    if not is_admin(conn, caller):
        raise Forbidden(required_role=Who.ADMIN, your_role=None)


def is_admin(conn: db.Connection, caller: Caller) -> bool:
    """Return True if the caller's account is an admin of the platform."""
    return caller.account_id is not None and bool(db.value(conn, SQL.is_admin, account_id=caller.account_id))


def covers(role: Who, needed: Who) -> bool:
    """Return True if a role includes the one that is needed."""
    return _ROLES.index(role) >= _ROLES.index(needed)
