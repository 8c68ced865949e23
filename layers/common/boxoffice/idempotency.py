"""One effect for each Idempotency-Key: the transaction of the effect stores the key with the answer.

A repeat violates the unique index of the keys. That rolls back what it has done, and the stored answer is returned. If
two requests with one key come at once, the second waits at the index until the first commits. No look-up comes first,
so the usual case costs no extra round trip.

Keys have a table of their own. Only orders store their own key, because thousands may be placed at once (decision 14).
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, Self
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from boxoffice import db, sql
from boxoffice.answer import set_header
from boxoffice.auth import Caller
from boxoffice.errors import Busy, DomainError, KeyReused

SQL = sql.queries()

_BATCH = 5000
_CONSTRAINTS = ("idempotency_keys_pkey", "orders_request_id_key")


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that must have one effect.

    Attributes:
        operation: the name of the function.
        scope: whose key it is; see `scope_of`.
        fingerprint: a hash of the request's content.
    """

    operation: str
    scope: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, operation: str, scope: str, key: str, body: BaseModel, *subject: object) -> Self:
        """Identify a request.

        Args:
            scope: whose key it is; see `scope_of`.
            subject: what the request is about beside its body, such as ids in the path.
        """
        content = repr(tuple(map(str, subject))) + body.model_dump_json()
        return cls(operation, scope, key, hashlib.sha256(content.encode()).digest())

    @property
    def id(self) -> UUID:
        """Return a name for the request in 16 bytes: a hash of the operation, the scope and the key."""
        return UUID(bytes=hashlib.sha256("\n".join((self.operation, self.scope, self.key)).encode()).digest()[:16])


def scope_of(caller: Caller, organisation_id: UUID) -> str:
    """Return whose keys a caller's are: the account's, or those of the organisation that a guest buys from.

    The programs of an organisation share one scope, so that a repeat may come with another API key. It is not that of
    the guests, who could otherwise use up the keys that a shop numbers its requests with. A scope depends on nothing
    that a repeat may correct, such as the buyer's address. All guests of an organisation share one scope. So a key is a
    secret of its client: who guesses it, and the whole request, gets the first answer.
    """
    if caller.key:
        return f"programs of {organisation_id}"
    return f"account {caller.account_id}" if caller.account_id else f"organisation {organisation_id}"


@dataclass(frozen=True)
class OldKey:
    """A key that is stored for longer than promised. Its id is the operation, the scope and the key in one text."""

    id: str
    operation: str
    scope: str
    key: str


@dataclass(frozen=True)
class _FirstRequest:
    fingerprint: bytes
    response: dict[str, Any]


def store(conn: db.Connection, request: IdempotentRequest, response: dict[str, Any]) -> None:
    """Store the answer, in the transaction of the effect."""
    db.run(conn, SQL.store_idempotency_key, **params(request, response))


def complete(conn: db.Connection, request: IdempotentRequest, response: dict[str, Any]) -> None:
    """Replace the answer that the transaction of the effect stored, which was not complete yet."""
    db.run(conn, SQL.complete_idempotency_key, **_names(request), response=Jsonb(response))


def params(request: IdempotentRequest, response: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters for a statement that stores the key and the answer together with the effect."""
    return {
        "operation": request.operation,
        "scope": request.scope,
        "idempotency_key": request.key,
        "fingerprint": request.fingerprint,
        "response": Jsonb(response),
    }


def run_once[T](
    conn: db.Connection,
    request: IdempotentRequest | Callable[[], IdempotentRequest | None],
    act: Callable[[], T],
    replay: Callable[[dict[str, Any]], T],
    find_first: LiteralString = SQL.get_idempotency_key,
) -> T:
    """Do what a request asks for, or return the first answer again, with ``Idempotent-Replayed: true``.

    A repeat can be refused though the first request was not: the sale may have ended since. So this looks for the key
    after a refusal too. Runs in autocommit.

    Args:
        request: or a function that identifies it, if that takes a read that only a refused request should pay. It
            returns None if there can be no first request.
        act: does what the request asks for, in a transaction in which it also stores the answer.
        replay: makes the first answer again from the stored one.
        find_first: the statement that finds the first request with this key.

    Raises:
        KeyReused: the first request with this key was another one.
        DomainError: any error of ``act``, if the key is new.
    """
    refusal: DomainError
    try:
        return act()
    except UniqueViolation as error:
        if error.diag.constraint_name not in _CONSTRAINTS:
            raise
        refusal = Busy()  # if the first request has gone since
    except DomainError as error:
        refusal = error
    repeated = request() if callable(request) else request
    first = repeated and db.one(conn, _FirstRequest, find_first, **_names(repeated), request_id=repeated.id)
    if not repeated or not first:
        raise refusal
    if first.fingerprint != repeated.fingerprint:
        raise KeyReused
    set_header("Idempotent-Replayed", "true")
    return replay(first.response)


def _names(request: IdempotentRequest) -> dict[str, str]:
    """Return the names under which a key is stored."""
    return {"operation": request.operation, "scope": request.scope, "key": request.key}


def list_old_keys(conn: db.Connection, leave_out: Collection[str] = ()) -> list[OldKey]:
    """Return a batch of keys that are older than promised.

    Args:
        leave_out: the ids of keys that the run has tried already.
    """
    return db.many(conn, OldKey, SQL.list_old_idempotency_keys, leave_out=list(leave_out), batch=_BATCH)


def purge_keys(conn: db.Connection, keys: Sequence[OldKey]) -> int:
    """Delete keys with their answers, and return the number of keys."""
    return db.run(
        conn,
        SQL.purge_idempotency_keys,
        operations=[old.operation for old in keys],
        scopes=[old.scope for old in keys],
        keys=[old.key for old in keys],
    )
