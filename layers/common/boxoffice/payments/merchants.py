"""Merchants' accounts at payment providers: the deployment's, and those of organisations.

The credentials of an account are a secret. The module of the provider declares its fields. The environment names the
deployment's secret. An organisation's is ``boxoffice/<stage>/organisations/<organisation id>/<provider>``. A payment
stores whose account it was made with.
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
    """Return whose account takes payments for an organisation: its own if it has one, else the deployment's.

    Raises:
        Busy: Secrets Manager does not answer.
    """
    info = provider.INFO
    has_account = info.has_merchant_accounts and optional_secret(_secret_of_organisation(organisation_id, info.name))
    return organisation_id if has_account else PLATFORM_MERCHANT


def credential(merchant_id: UUID, provider: str, field: str, *, fresh: bool = False) -> str:
    """Return a field of an account's secret.

    Raises:
        Busy: Secrets Manager does not answer, or nobody has filled the field in.
    """
    value = credentials(merchant_id, provider, fresh=fresh).get(field)
    if not value:
        logger.error("a secret is incomplete", extra={"provider": provider, "merchant": merchant_id, "field": field})
        raise Busy
    return value


def webhook_secrets(merchant_id: UUID, provider: str) -> Iterator[str]:
    """Yield what proves the webhooks of an account: first from memory, then read again, since it may change.

    While a provider changes its secret, ``former_webhook_secret`` proves webhooks too. The field may be missing.

    Raises:
        SignatureWrong: the organisation has no such account.
        Busy: as for `credential`.
    """
    for fresh in (False, True):
        if merchant_id != PLATFORM_MERCHANT and not credentials(merchant_id, provider, fresh=fresh):
            raise SignatureWrong
        yield credential(merchant_id, provider, "webhook_secret", fresh=fresh)
        if former := credentials(merchant_id, provider, fresh=fresh).get("former_webhook_secret"):
            yield former


def check_webhook_secret(merchant_id: UUID, provider: str, shown: str | None) -> None:
    """Check that a webhook shows the secret of its account. The comparison takes constant time.

    Args:
        shown: the secret that the webhook shows.

    Raises:
        SignatureWrong: it shows another secret or none, or the organisation has no such account.
        Busy: as for `credential`.
    """
    proof = (shown or "").encode()
    expected = webhook_secrets(merchant_id, provider)
    if not any(hmac.compare_digest(proof, each.encode()) for each in expected):
        raise SignatureWrong


def credentials(merchant_id: UUID, provider: str, *, fresh: bool = False) -> dict[str, str]:
    """Return all fields of an account's secret. The dict is empty if the organisation has no such account.

    Raises:
        Busy: Secrets Manager does not answer.
    """
    if merchant_id != PLATFORM_MERCHANT:
        return optional_secret(_secret_of_organisation(merchant_id, provider), fresh=fresh) or {}
    return secret(provider_secret(provider), fresh=fresh)


def _secret_of_organisation(organisation_id: UUID, provider: str) -> str:
    return f"boxoffice/{settings().stage}/organisations/{organisation_id}/{provider}"
