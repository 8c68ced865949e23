"""What a payment provider must be able to do. Each is a module of this package, imported where it is used."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from boxoffice.config import settings
from boxoffice.payments.errors import ProviderNotEnabled
from boxoffice.payments.models import Bill, DueRefund, ProviderEvent, RefundState, Started

BY_HAND = frozenset({"cash", "bank_transfer"})
"""No providers: ways in which an organisation takes money itself, and gives it back itself."""


class Provider(Protocol):
    """A payment provider, real or not. Each call that leaves the house ends within seconds.

    Where a provider does not answer, or answers nonsense, a call raises ProviderUnavailable: nothing is known then.
    """

    def create(self, bill: Bill) -> Started:
        """Prepare a payment at the provider. Called again for the same payment, it answers the same.

        Raises:
            PaymentRefused: the provider never takes such a payment.
        """

    def fetch(self, bill: Bill, *, close: bool) -> ProviderEvent | None:
        """What the provider knows of a payment by now; None while it is open.

        Args:
            close: end it if nothing has come yet, as well as the provider can, since its order is over.
        """

    def refund(self, refund: DueRefund) -> RefundState:
        """Send money back, or learn how far it is. Called again for the same refund, it sends nothing twice."""

    def verify(self, merchant_id: UUID, body: bytes, signature: str | None, now: datetime) -> None:
        """Make sure that a webhook comes from the provider and is not an old one.

        Raises:
            SignatureWrong: it does not, or it is.
        """

    def parse(self, merchant_id: UUID, body: bytes) -> ProviderEvent:
        """What a verified webhook says. Where only the sender is verified, the provider is asked what is true of it.

        Raises:
            Malformed: it cannot be read.
        """


def enabled(name: str) -> Provider:
    """A provider by its name.

    Raises:
        ProviderNotEnabled: this deployment does not use it.
    """
    if name not in settings().payment_providers:
        raise ProviderNotEnabled
    return known(name)


def known(name: str) -> Provider:
    """A provider by its name, whether or not new payments are made with it: what is open must come to its end.

    Raises:
        ProviderNotEnabled: there is none of this name.
    """
    match name:
        case "stripe":
            from boxoffice.payments import stripe

            return stripe
        case "flutterwave":
            from boxoffice.payments import flutterwave

            return flutterwave
        case "sandbox":
            from boxoffice.payments import sandbox

            return sandbox
        case "generic":
            from boxoffice.payments import generic

            return generic
        case _:
            raise ProviderNotEnabled
