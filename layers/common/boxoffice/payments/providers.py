"""What a payment provider must be able to do, what it declares, and how one is found by its name.

A provider is the module ``boxoffice.payments.<name>``. It is imported when it is used.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Protocol, cast
from uuid import UUID

from boxoffice.config import settings
from boxoffice.payments.errors import ProviderNotEnabled
from boxoffice.payments.models import PROVIDERS, DueRefund, PreparedPayment, ProviderEvent, ProviderPayment, RefundState


@dataclass(frozen=True)
class ProviderInfo:
    """What a provider's module declares. All else follows by convention from the name.

    The webhook's function is ``receive_<name>_webhook`` at ``/v1/webhooks/<name>``, the deployment's secret is named in
    the environment variable ``<NAME>_SECRET``, and ``PAYMENT_PROVIDERS`` enables the provider.

    Attributes:
        name: the module's own.
        webhook_header: the header that proves a webhook.
        account_fields: the fields of the secret of an account. ``webhook_secret`` is the one that proves webhooks.
        has_merchant_accounts: organisations can bring an account of their own.
        takes_real_money: production refuses a provider that does not.
    """

    name: str
    webhook_header: str
    account_fields: tuple[str, ...] = ()
    has_merchant_accounts: bool = True
    takes_real_money: bool = True


class Provider(Protocol):
    """A payment provider, real or not. Each call over the network ends within seconds.

    A call raises ProviderUnavailable if the provider does not answer, or answers nonsense: nothing is known then.
    """

    INFO: ProviderInfo

    def create(self, payment: ProviderPayment) -> PreparedPayment:
        """Prepare a payment at the provider. For the same payment the answer is the same each time.

        Raises:
            PaymentRefused: the provider never takes such a payment.
        """

    def fetch(self, payment: ProviderPayment, *, close: bool) -> ProviderEvent | None:
        """Ask what has become of a payment. None while it is open.

        Args:
            close: the order is over. If no money has come, cancel the payment where the provider supports it.
        """

    def refund(self, refund: DueRefund) -> RefundState:
        """Send money back, or ask how far the refund is. For the same refund, money is sent once."""

    def verify(self, merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
        """Make sure that a webhook comes from the provider and is recent.

        Raises:
            SignatureWrong: it does not, or is not.
        """

    def parse(self, merchant_id: UUID, body: bytes) -> ProviderEvent:
        """Read a verified webhook. Where its proof does not cover the body, ask the provider what is true.

        Raises:
            Malformed: it cannot be read.
        """


def enabled(name: str) -> Provider:
    """A provider by its name, if this deployment uses it.

    Raises:
        ProviderNotEnabled: it does not, or there is no such provider.
    """
    if name not in settings().payment_providers:
        raise ProviderNotEnabled
    provider = known(name)
    if settings().stage == "prod" and not provider.INFO.takes_real_money:
        raise ProviderNotEnabled
    return provider


def known(name: str) -> Provider:
    """A provider by its name, enabled or not: payments that are open come to their end.

    Raises:
        ProviderNotEnabled: there is no such provider.
    """
    if name not in PROVIDERS:
        raise ProviderNotEnabled
    return cast(Provider, import_module(f"{__package__}.{name}"))
