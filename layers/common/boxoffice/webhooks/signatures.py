"""Signatures of webhooks, as Standard Webhooks says, and the secrets that make them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from boxoffice import db, sql
from boxoffice.config import settings
from boxoffice.encryption import Encrypted, decrypt, encrypt
from boxoffice.ids import new_id
from boxoffice.webhooks.models import StoredSecret

SQL = sql.queries("webhooks")

_PREFIX = "whsec_"
_SIZE = 32  # bytes; the standard asks for 24 to 64
_PURPOSE = "webhook secret"


def add_secret(conn: db.Connection, endpoint_id: UUID, *, keep_former: timedelta = timedelta(0)) -> str:
    """Make the secret of an endpoint that the transaction has locked or made. Return it as its owner stores it.

    Args:
        keep_former: for how long the secrets before it sign too.
    """
    secret, secret_id = secrets.token_bytes(_SIZE), new_id()
    db.run(conn, SQL.end_secrets, endpoint_id=endpoint_id, keep=keep_former)
    encrypted = encrypt(settings().data_keys_secret, _PURPOSE, secret_id.bytes, secret)
    row = {"id": secret_id, "endpoint_id": endpoint_id, "key_id": encrypted.key_id, "secret": encrypted.content}
    db.run(conn, SQL.insert_secret, **row)
    return _PREFIX + base64.b64encode(secret).decode()


def read_secrets(conn: db.Connection, endpoint_id: UUID) -> list[bytes]:
    """Return the secrets of an endpoint that sign now, the newest first."""
    ring = settings().data_keys_secret
    rows = db.many(conn, StoredSecret, SQL.list_signing_secrets, endpoint_id=endpoint_id)
    stored = [decrypt(ring, _PURPOSE, row.id.bytes, Encrypted(row.key_id, row.secret)) for row in rows]
    return [secret for secret in stored if secret is not None]


def headers(all_secrets: Sequence[bytes], webhook_id: UUID, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove a webhook, with a signature by each secret.

    Args:
        timestamp: when the attempt begins, in seconds since 1970.
    """
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in all_secrets]
    return {
        "webhook-id": str(webhook_id),
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
