"""What a payment provider must declare and do, and how to load one by its name.

A provider is the module ``boxoffice.payments.<name>``. It is imported when it is first used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from math import inf
from typing import Literal, Protocol, cast
from uuid import UUID

from boxoffice.config import settings
from boxoffice.guest_tokens import order_token
from boxoffice.payments.errors import ProviderNotEnabled
from boxoffice.payments.models import (
    DueRefund,
    PreparedPayment,
    ProviderEvent,
    ProviderPayment,
    RefundState,
    ReportPage,
)
from boxoffice.provider_names import PROVIDERS

type Operation = Literal["create", "fetch", "refund"]
"""What we call a provider for. Each is an endpoint of its own there."""


@dataclass(frozen=True)
class Pace:
    """How many calls a second a provider allows: to an account, and to one endpoint of it. By default any number."""

    account: float = inf
    endpoint: float = inf


@dataclass(frozen=True)
class BalanceReport:
    """What a provider says in its balance report.

    Attributes:
        complete_after: how much later than a payment its entry comes at the latest.
        names_refunds: False if it names only sums of refunds and disputes, which nobody can compare one by one.
        may_add_fees: True if a setting there can add its fee to what the buyer pays.
    """

    complete_after: timedelta
    names_refunds: bool = True
    may_add_fees: bool = False


@dataclass(frozen=True)
class ProviderInfo:
    """What the module of a provider declares. The rest follows from the name by convention.

    The function ``receive_<name>_webhook`` receives webhooks at ``/v1/webhooks/<name>``. The environment variable
    ``<NAME>_SECRET`` names the deployment's secret, and ``PAYMENT_PROVIDERS`` enables the provider.

    Attributes:
        name: the name of the module.
        webhook_header: the header that proves a webhook.
        account_fields: the fields of an account's secret. The field ``webhook_secret`` proves webhooks.
        has_merchant_accounts: True if organisations can use an account of their own.
        takes_real_money: False for a stand-in, which production refuses.
        has_late_methods: True if it has ways to pay that take days.
        pace: how many calls it allows.
        report: what its balance report says. None if it has none that we can read.
    """

    name: str
    webhook_header: str
    account_fields: tuple[str, ...] = ()
    has_merchant_accounts: bool = True
    takes_real_money: bool = True
    has_late_methods: bool = False
    pace: Pace = Pace()
    report: BalanceReport | None = None


class Provider(Protocol):
    """A payment provider. Each call over the network ends within seconds.

    Each call raises ProviderUnavailable if the provider does not answer, or if its answer cannot be understood. The
    caller then does not know if the provider did what it was asked for. A call raises ProviderBusy if the provider got
    too many calls, and so did nothing.
    """

    INFO: ProviderInfo

    def create(self, payment: ProviderPayment) -> PreparedPayment:
        """Prepare a payment at the provider. To prepare a payment twice has one effect.

        Raises:
            PaymentRefused: the provider does not accept such a payment.
        """

    def fetch(self, payment: ProviderPayment, *, close: bool) -> Sequence[ProviderEvent]:
        """Ask the provider about a payment that it has prepared. Return what has happened, nothing if it is still open.

        A payment may have brought money several times. The answer then has an event for each.

        Args:
            close: True to close a payment that brought no money: cancel it where the provider supports that. The
                answer says that it failed or is cancelled, unless a try to pay is under way.
        """

    def refund(self, refund: DueRefund) -> RefundState:
        """Send a refund, or ask about one that was sent before. To send a refund twice sends the money once."""

    def verify(self, merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
        """Check that a webhook comes from the provider and is recent.

        Args:
            merchant_id: whose account at the provider the webhook claims to come from.
            signature: the header that proves the webhook. None if it is missing.

        Raises:
            SignatureWrong: it does not come from the provider, or is not recent.
        """

    def parse(self, merchant_id: UUID, body: bytes) -> ProviderEvent:
        """Read a verified webhook. If its proof does not cover the body, ask the provider what is true.

        Raises:
            Malformed: the webhook cannot be read.
        """


class ReportingProvider(Provider, Protocol):
    """A provider that reports what it has added to the balance of an account, and taken from it. Its calls end as those
    of `Provider` do."""

    def list_entries(self, merchant_id: UUID, since: datetime, until: datetime, page: str | None) -> ReportPage | None:
        """Return a page of the entries that the provider made from ``since`` to before ``until``, in any order.

        Entries that are made while somebody reads are in a later page, or in the next reading. An entry may be in
        several pages. None if there is no report after all.

        Args:
            page: the `ReportPage.next_page` of the page before. None for the first page.
        """

    def get_balances(self, merchant_id: UUID) -> dict[str, int] | None:
        """Return what the provider holds for an account in each currency, in minor units. None if it does not say."""


def return_url(payment: ProviderPayment) -> str:
    """Return the page of the order, to which a provider sends the buyer back, with the token that shows the order.

    The token stands in the fragment, as in all our links (decision 16). Providers append parameters of their own. If
    one appends them after the fragment, they are parameters of the fragment, since that ends with ``&``.
    """
    token = order_token(payment.order_id, payment.email_changes)
    return f"{settings().public_url}/orders/{payment.order_id}#token={token}&"


def load_enabled(name: str) -> Provider:
    """Return a provider by its name, if this deployment uses it.

    Raises:
        ProviderNotEnabled: the deployment does not use it, or there is no such provider.
    """
    if name not in settings().payment_providers:
        raise _not_enabled(name)
    provider = load(name)
    if settings().stage == "prod" and not provider.INFO.takes_real_money:
        raise _not_enabled(name)
    return provider


def _not_enabled(name: str) -> ProviderNotEnabled:
    return ProviderNotEnabled(providers=sorted({*settings().payment_providers} - {name}))


def load_reporting(name: str) -> tuple[ReportingProvider, BalanceReport]:
    """Return a provider that has a balance report by its name, and what the report says."""
    provider = load(name)
    assert provider.INFO.report is not None
    return cast(ReportingProvider, provider), provider.INFO.report


def load(name: str) -> Provider:
    """Return a provider by its name, enabled or not. Payments that were started with it still need it.

    Raises:
        ProviderNotEnabled: there is no such provider.
    """
    if name not in PROVIDERS:
        raise _not_enabled(name)
    return cast(Provider, import_module(f"{__package__}.{name}"))
