"""Access tokens: JWTs that name an account and its session for fifteen minutes."""

import time
from datetime import timedelta
from uuid import UUID

from boxoffice.config import settings
from boxoffice.errors import Unauthenticated
from boxoffice.signing import current_key, key

ACCESS_LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_AUDIENCE = "boxoffice"


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


def verify_access_token(presented: str) -> tuple[UUID, UUID]:
    """Return the ids of the account and the session that an access token names.

    Raises:
        Unauthenticated: it is none of ours, or over.
    """
    import jwt

    try:
        key_id = jwt.get_unverified_header(presented).get("kid")
        secret = key(settings().token_keys_secret, str(key_id))
        if secret is None:
            raise Unauthenticated
        payload = jwt.decode(
            presented,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            options={"require": ["exp", "sub", "sid", "aud"]},
        )
        return UUID(payload["sub"]), UUID(payload["sid"])
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("The access token is over. Refresh the session, and repeat the request.") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated from error
