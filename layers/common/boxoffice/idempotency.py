"""One effect for each Idempotency-Key: the key is stored with the answer, in the transaction of the effect.

A repeat runs into a unique index, which undoes all it has done so far, and is then answered with what was stored. Two
at once meet there too: the second waits for the first to commit. Nothing has to be looked up beforehand, so the common
case costs no round trip. Keys have a table of their own; only orders, placed by the thousand at once, keep theirs
themselves.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Self
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from boxoffice import api, db, sql
from boxoffice.errors import Busy, DomainError, KeyReused

SQL = sql.queries()

_BATCH = 5000
_CONSTRAINTS = ("idempotency_keys_pkey", "orders_request_id_key")


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that must have one effect: whose it is, its key, and the fingerprint of its content."""

    operation: str
    scope: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, operation: str, scope: str, key: str, body: BaseModel, *subject: object) -> Self:
        """Identify a request.

        Args:
            scope: keeps callers apart.
            subject: what the request acts on beside its body, such as ids in the path.
        """
        content = repr(tuple(map(str, subject))) + body.model_dump_json()
        return cls(operation, scope, key, hashlib.sha256(content.encode()).digest())

    @property
    def id(self) -> UUID:
        """Names the request in 16 bytes."""
        return UUID(bytes=hashlib.sha256("\n".join((self.operation, self.scope, self.key)).encode()).digest()[:16])


@dataclass(frozen=True)
class OldKey:
    """A stored key that nobody may rely on any more; its id is all that names it, in one text."""

    id: str
    operation: str
    scope: str
    key: str


@dataclass(frozen=True)
class _Stored:
    fingerprint: bytes
    response: dict[str, Any]


def store(conn: db.Connection, request: IdempotentRequest, response: dict[str, Any]) -> None:
    """Store the answer, in the transaction of the effect."""
    db.run(conn, SQL.store_idempotency_key, **params(request, response))


def complete(conn: db.Connection, request: IdempotentRequest, response: dict[str, Any]) -> None:
    """Store the whole answer in place of what was known of it in the transaction of the effect."""
    key = {"operation": request.operation, "scope": request.scope, "key": request.key}
    db.run(conn, SQL.complete_idempotency_key, **key, response=Jsonb(response))


def params(request: IdempotentRequest, response: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a statement that stores the answer itself."""
    return {
        "operation": request.operation,
        "scope": request.scope,
        "idempotency_key": request.key,
        "fingerprint": request.fingerprint,
        "response": Jsonb(response),
    }


def run_once[T](
    conn: db.Connection,
    request: IdempotentRequest,
    act: Callable[[], T],
    replay: Callable[[dict[str, Any]], T],
    stored: LiteralString = SQL.get_idempotency_key,
) -> T:
    """Do what a request asks for, or give the first answer again, with ``Idempotent-Replayed: true``.

    A request that is refused may repeat one that was not: the sale may have ended since. So the key is looked up then
    too. Called in autocommit.

    Args:
        act: opens the transaction of the effect, in which it stores the answer that it returns.
        replay: makes the first answer again, of what was stored.
        stored: the statement that finds what was stored.

    Raises:
        KeyReused: the first request was another one.
        DomainError: what ``act`` raises, if the key is new.
    """
    refusal: DomainError
    try:
        return act()
    except UniqueViolation as error:
        if error.diag.constraint_name not in _CONSTRAINTS:
            raise
        refusal = Busy()
    except DomainError as error:
        refusal = error
    names = {"operation": request.operation, "scope": request.scope, "key": request.key, "request_id": request.id}
    first = db.one(conn, _Stored, stored, **names)
    if first is None:
        raise refusal
    if first.fingerprint != request.fingerprint:
        raise KeyReused
    api.set_header("Idempotent-Replayed", "true")
    return replay(first.response)


def list_old_keys(conn: db.Connection, left: Collection[str] = ()) -> list[OldKey]:
    """A batch of keys that are older than promised.

    Args:
        left: the ids of keys to leave out.
    """
    return db.many(conn, OldKey, SQL.list_old_idempotency_keys, left=list(left), batch=_BATCH)


def purge_keys(conn: db.Connection, keys: Sequence[OldKey]) -> int:
    """Forget keys, and the answers stored with them; how many were forgotten."""
    return db.run(
        conn,
        SQL.purge_idempotency_keys,
        operations=[old.operation for old in keys],
        scopes=[old.scope for old in keys],
        keys=[old.key for old in keys],
    )
