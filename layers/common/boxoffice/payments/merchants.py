"""Accounts at payment providers: the deployment's, and those that organisations bring.

The credentials of an account are a secret, whose fields the provider's module declares. The environment names that of
the deployment. An organisation's is ``boxoffice/<stage>/organisations/<organisation id>/<provider>``. A payment
remembers whose account took it.
"""

import hmac
from collections.abc import Iterator
from uuid import UUID

from boxoffice.config import optional_secret, provider_secret, secret, settings
from boxoffice.errors import Busy
from boxoffice.observability import logger
from boxoffice.payments.errors import SignatureWrong
from boxoffice.payments.models import PLATFORM_MERCHANT
from boxoffice.payments.providers import Provider


def merchant_of(organisation_id: UUID, provider: Provider) -> UUID:
    """Whose account takes a payment to this organisation: its own, if it has one.

    Raises:
        Busy: Secrets Manager does not answer.
    """
    info = provider.INFO
    has_account = info.has_merchant_accounts and optional_secret(_own_secret(organisation_id, info.name))
    return organisation_id if has_account else PLATFORM_MERCHANT


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


def webhook_secrets(merchant_id: UUID, provider: str) -> Iterator[str]:
    """The secret that proves the webhooks of an account: as remembered, then read again, in case it was changed.

    Raises:
        SignatureWrong: the organisation has no such account.
        Busy: as for `credential`.
    """
    for fresh in (False, True):
        if merchant_id != PLATFORM_MERCHANT and not credentials(merchant_id, provider, fresh=fresh):
            raise SignatureWrong
        yield credential(merchant_id, provider, "webhook_secret", fresh=fresh)


def check_webhook_secret(merchant_id: UUID, provider: str, shown: str | None) -> None:
    """Make sure that a webhook shows its account's secret. The comparison takes the same time wherever they differ.

    Raises:
        SignatureWrong: it does not, or the organisation has no such account.
        Busy: as for `credential`.
    """
    proof = (shown or "").encode()
    if not any(hmac.compare_digest(proof, known.encode()) for known in webhook_secrets(merchant_id, provider)):
        raise SignatureWrong


def credentials(merchant_id: UUID, provider: str, *, fresh: bool = False) -> dict[str, str]:
    """All fields of an account's secret. Empty, if the organisation has no account (any more).

    Raises:
        Busy: Secrets Manager does not answer.
    """
    if merchant_id != PLATFORM_MERCHANT:
        return optional_secret(_own_secret(merchant_id, provider), fresh=fresh) or {}
    return secret(provider_secret(provider), fresh=fresh)


def _own_secret(organisation_id: UUID, provider: str) -> str:
    return f"boxoffice/{settings().stage}/organisations/{organisation_id}/{provider}"
