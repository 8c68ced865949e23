"""Use cases of API keys. All run in a transaction, since row-level security asks for the organisation in it."""

from datetime import UTC, datetime
from uuid import UUID

from boxoffice import audit, bearer_secrets, credentials, db, outbox, sql
from boxoffice.api_keys import rules
from boxoffice.api_keys.errors import TooManyKeys
from boxoffice.api_keys.models import ApiKeyPage, ApiKeyRequest, ApiKeyRow, NewApiKeyView
from boxoffice.auth import Caller, require_role
from boxoffice.ids import new_id
from boxoffice.pagination import LAST_ID, decode_id
from boxoffice.row_security import show_rows_of

SQL = sql.queries("api_keys")


def create_key(conn: db.Connection, caller: Caller, organisation_id: UUID, request: ApiKeyRequest) -> NewApiKeyView:
    """Make an API key, and tell the owners of the organisation. The key itself is in the answer alone.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        EndOutOfRange: it would expire in the past, or too late.
        TooManyKeys: the organisation has as many as it may.
    """
    db.run(conn, SQL.lock_organisation, organisation_id=organisation_id)
    require_role(conn, caller, organisation_id)
    now = datetime.now(UTC)
    expires_at = rules.expiry(request.expires_at, now)
    show_rows_of(conn, organisation_id)
    if db.value(conn, SQL.count_keys_in_use, organisation_id=organisation_id) >= rules.MOST_KEYS:
        raise TooManyKeys(most=rules.MOST_KEYS)
    secret = bearer_secrets.new_secret(bearer_secrets.API_KEY)
    key = ApiKeyRow(
        id=new_id(),
        name=request.name,
        scopes=request.scopes,
        ending=secret[-4:],
        created_by=caller.account,
        created_at=now,
        expires_at=expires_at,
        last_used_at=None,
        revoked_at=None,
    )
    key_hash = bearer_secrets.hash_of(secret)
    db.run(conn, SQL.insert_key, organisation_id=organisation_id, key_hash=key_hash, **vars(key))
    _tell_owners(conn, organisation_id, key.id)
    facts = {"name": key.name, "scopes": list(key.scopes), "expires_at": expires_at.isoformat()}
    audit.record(conn, caller, "create_api_key", f"API key {key.id}", organisation=organisation_id, **facts)
    return NewApiKeyView(**vars(key), key=secret)


def _tell_owners(conn: db.Connection, organisation_id: UUID, key_id: UUID) -> None:
    payload = {"organisation_id": str(organisation_id), "key_id": str(key_id)}
    owners = db.many(conn, dict, SQL.list_owners, organisation_id=organisation_id)
    outbox.owe_emails(conn, "api_key_created", [(owner["email"], payload) for owner in owners])


def list_keys(conn: db.Connection, caller: Caller, organisation_id: UUID, limit: int, cursor: str | None) -> ApiKeyPage:
    """Return a page of an organisation's API keys, latest first, without the keys themselves.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    show_rows_of(conn, organisation_id)
    before = decode_id(cursor) or LAST_ID
    rows = db.page(conn, ApiKeyRow, SQL.list_keys, organisation_id=organisation_id, before=before, limit=limit)
    return ApiKeyPage.of(rows, limit)


def revoke_key(conn: db.Connection, caller: Caller, organisation_id: UUID, key_id: UUID) -> None:
    """End an API key: at once here, and within half a minute everywhere. To revoke it again changes nothing.

    Raises:
        NotFound, Forbidden: the key is not of the caller's organisation, or the role is too low.
    """
    require_role(conn, caller, organisation_id)
    show_rows_of(conn, organisation_id)
    key = db.get(conn, ApiKeyRow, SQL.lock_key, organisation_id=organisation_id, id=key_id)
    if key.revoked_at is None:
        db.run(conn, SQL.revoke_key, organisation_id=organisation_id, id=key_id)
        credentials.forget()
        subject = f"API key {key_id}"
        audit.record(conn, caller, "revoke_api_key", subject, organisation=organisation_id, name=key.name)
