"""What a payment provider must be able to do. Each is a module of this package."""

from datetime import datetime
from typing import Protocol

from boxoffice.config import settings
from boxoffice.payments.errors import ProviderNotEnabled
from boxoffice.payments.models import PaymentView, ProviderEvent, Started


class Provider(Protocol):
    """A payment provider, real or not."""

    def create(self, payment: PaymentView) -> Started:
        """Prepare a payment at the provider. Called again for the same payment, it answers the same."""

    def verify(self, body: bytes, signature: str | None, now: datetime) -> None:
        """Make sure that a webhook comes from the provider and is not an old one.

        Raises:
            SignatureWrong: it does not, or it is.
        """

    def parse(self, body: bytes) -> ProviderEvent:
        """What a verified webhook says.

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
    match name:
        case "sandbox":
            from boxoffice.payments import sandbox

            return sandbox
        case _:
            raise ProviderNotEnabled
