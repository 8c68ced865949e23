"""The audit log: who did what to what, from where and when. Each entry has the hash of the entry before.

Entries stand in chains (decision 41): one for each organisation, one for each account, and one for the platform. The
log only grows, but people may have their data erased. So in place of a personal value an entry holds a hash of a random
salt and the value. Value and salt stand in `audit_values`, where `erase` deletes them. The chain stays whole.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import BaseModel

from boxoffice import db, sql

if TYPE_CHECKING:
    from boxoffice.auth import Caller

SQL = sql.queries()

PLATFORM_CHAIN = UUID(int=0)

# The facts that are personal, by their names, wherever they stand in an entry's details.
PERSONAL = frozenset(
    {
        "address",
        "buyer_email",
        "buyer_name",
        "buyer_phone",
        "contact_email",
        "contact_phone",
        "device_name",
        "email",
        "holder_name",
        "name",
        "note",
        "phone",
        "postal_address",
        "reason",
    }
)
_SALT_BYTES = 16
# What differs after each change without being one.
_NO_CHANGES = frozenset({"version", "updated_at"})


def record(
    conn: db.Connection,
    caller: "Caller | None",
    action: str,
    subject: str,
    *,
    organisation: UUID | None = None,
    **details: Any,
) -> None:
    """Append an entry, as the last statement of the transaction that it tells of: it locks the chain.

    Args:
        caller: who acted, and from where; None for the platform itself.
        action: the name of the function, like ``publish_event``.
        subject: what the action changed, like ``event 0192…``.
        organisation: the organisation to whose chain the entry belongs. Without one it belongs to the chain of the
            account that is its subject, or to the platform's.
        details: facts to store; no secrets. Those in `PERSONAL` can be erased. A change has `changes` among them.
    """
    _append(conn, caller, action, subject, organisation, details)


def record_read(conn: db.Connection, caller: "Caller", organisation_id: UUID) -> None:
    """Append an entry after the transaction, if an admin reads what belongs to an organisation that is not theirs.

    A request that reads several things of one organisation makes one entry.
    """
    conn.after_commit(_record_reads, (caller, organisation_id))


def _record_reads(conn: db.Connection, reads: "list[tuple[Caller, UUID]]") -> None:
    for caller, organisation_id in dict.fromkeys(reads):
        subject = f"organisation {organisation_id}"
        _append(conn, caller, caller.operation, subject, organisation_id, {}, only_as_admin=True)


def _append(
    conn: db.Connection,
    caller: "Caller | None",
    action: str,
    subject: str,
    organisation: UUID | None,
    details: Mapping[str, Any],
    *,
    only_as_admin: bool = False,
) -> None:
    """Append an entry.

    Args:
        only_as_admin: True to append nothing unless an admin has acted in what is not theirs.
    """
    about = _account_in(subject)
    actor_kind, actor_id, address = (
        (caller.actor_kind, caller.actor, caller.address) if caller else ("platform", None, "")
    )
    values = _Values(about)
    facts = values.replace(details)
    if address:
        facts["address"] = values.keep(address, about=caller.account_id if caller else None)
    db.run(
        conn,
        SQL.append_audit_entry,
        chain=organisation or about or PLATFORM_CHAIN,
        actor_kind=actor_kind,
        actor_id=actor_id,
        action=action,
        subject=subject,
        details=Jsonb(facts),
        only_as_admin=only_as_admin,
        **values.columns(),
    )


def changes(before: object, after: object, only: Collection[str] | None = None) -> dict[str, Any]:
    """Return what a change was, for `record`: the fields that differ, as ``before`` and ``after``.

    Args:
        before: a row (a dataclass, a mapping or a model), and ``after`` the same row later.
        only: the fields to compare; by default all.
    """
    old, new = _fields(before), _fields(after)
    names = [name for name in sorted(only or old) if name in old and name in new and name not in _NO_CHANGES]
    different = [name for name in names if old[name] != new[name]]
    return {"before": {name: old[name] for name in different}, "after": {name: new[name] for name in different}}


def erase(conn: db.Connection, account_id: UUID | None = None, values: Iterable[str] = ()) -> int:
    """Erase personal values from the log. Its entries and their hashes stay. Return how many values were erased.

    Args:
        account_id: erase what is about this account, and the addresses that it acted from.
        values: erase these, whoever they are about, such as an email address.
    """
    return db.run(conn, SQL.erase_audit_values, account_id=account_id, values=list(values))


def with_values(details: Any, values: Mapping[str, str]) -> Any:
    """Return details with the personal values in their places. Those that were erased stay hashes.

    Args:
        values: by their hashes.
    """
    match details:
        case {"sha256": str() as digest} if len(details) == 1:
            return values.get(digest, details)
        case dict():
            return {name: with_values(value, values) for name, value in details.items()}
        case list():
            return [with_values(value, values) for value in details]
    return details


@dataclass
class _Values:
    """The personal values of an entry, and whom they are about."""

    about: UUID | None
    kept: list[tuple[bytes, bytes, str, UUID | None]] = field(default_factory=list)

    def replace(self, facts: Any, *, personal: bool = False) -> Any:
        """Return facts as JSON knows them, each personal text replaced by its hash."""
        match facts:
            case None | bool() | int():
                return facts
            case datetime():
                return facts.isoformat()
            case BaseModel():
                return self.replace(facts.model_dump(mode="json"), personal=personal)
            case {"sha256": str()} if len(facts) == 1:  # somebody's own data, which must not look like an erased value
                facts = json.dumps(facts)
            case Mapping():
                return {
                    str(name): self.replace(value, personal=personal or name in PERSONAL)
                    for name, value in facts.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self.replace(value, personal=personal) for value in facts]
        return self.keep(str(facts), self.about) if personal else str(facts)

    def keep(self, value: str, about: UUID | None) -> dict[str, str]:
        """Keep a personal value. Return what stands in its place."""
        salt = secrets.token_bytes(_SALT_BYTES)
        digest = hashlib.sha256(salt + value.encode())
        self.kept.append((digest.digest(), salt, value, about))
        return {"sha256": digest.hexdigest()}

    def columns(self) -> dict[str, list[Any]]:
        """Return the values by column."""
        digests, salts, values, accounts = zip(*self.kept, strict=True) if self.kept else ((), (), (), ())
        return {"digests": [*digests], "salts": [*salts], "values": [*values], "accounts": [*accounts]}


def _fields(row: Any) -> Mapping[str, Any]:
    match row:
        case BaseModel():
            return row.model_dump()
        case Mapping():
            return row
    fields: Mapping[str, Any] = vars(row)
    return fields


def _account_in(subject: str) -> UUID | None:
    kind, _, name = subject.partition(" ")
    return UUID(name) if kind == "account" else None
