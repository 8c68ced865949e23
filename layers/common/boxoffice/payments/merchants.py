"""Accounts at payment providers: the deployment's, and those that organisations bring.

An account's credentials are a secret, whose fields each provider's module names. An organisation brings its own account
by a secret of its own, ``boxoffice/<stage>/organisations/<organisation id>/<provider>``. A payment remembers whose
account it was made with.
"""

from uuid import UUID

from boxoffice.config import optional_secret, secret, settings
from boxoffice.errors import Busy
from boxoffice.observability import logger
from boxoffice.payments.errors import SignatureWrong
from boxoffice.payments.models import PLATFORM

_WITH_ACCOUNTS = frozenset({"stripe", "flutterwave", "generic"})


def merchant_of(organisation_id: UUID, provider: str) -> UUID:
    """Whose account takes a payment to this organisation: its own, if it has one.

    Raises:
        Busy: Secrets Manager does not answer.
    """
    if provider not in _WITH_ACCOUNTS:
        return PLATFORM
    return organisation_id if optional_secret(_own(organisation_id, provider)) else PLATFORM


def credential(merchant_id: UUID, provider: str, field: str, *, fresh: bool = False) -> str:
    """A field of an account's secret.

    Raises:
        Busy: Secrets Manager does not answer, or nobody has filled the field in.
    """
    found = credentials(merchant_id, provider, fresh=fresh).get(field)
    if not found:
        logger.error("a secret is incomplete", extra={"provider": provider, "merchant": merchant_id, "field": field})
        raise Busy
    return found


def webhook_secret(merchant_id: UUID, provider: str, field: str, *, fresh: bool = False) -> str:
    """The secret that proves a webhook of an account.

    Raises:
        SignatureWrong: the organisation has no such account.
        Busy: as for `credential`.
    """
    if merchant_id != PLATFORM and not credentials(merchant_id, provider, fresh=fresh):
        raise SignatureWrong
    return credential(merchant_id, provider, field, fresh=fresh)


def credentials(merchant_id: UUID, provider: str, *, fresh: bool = False) -> dict[str, str]:
    """All fields of an account's secret; none, if the organisation has no account (any more).

    Raises:
        Busy: Secrets Manager does not answer.
    """
    if merchant_id != PLATFORM:
        return optional_secret(_own(merchant_id, provider), fresh=fresh) or {}
    secrets = {
        "stripe": settings().stripe_secret,
        "flutterwave": settings().flutterwave_secret,
        "generic": settings().generic_secret,
    }
    return secret(secrets[provider], fresh=fresh)


def _own(organisation_id: UUID, provider: str) -> str:
    return f"boxoffice/{settings().stage}/organisations/{organisation_id}/{provider}"
