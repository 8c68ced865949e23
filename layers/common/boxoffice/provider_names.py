"""The names of all payment providers. This is the only list of them; the module of a provider declares the rest."""

from collections.abc import Set as AbstractSet
from typing import Literal, get_args

type StartableProvider = Literal["stripe", "flutterwave", "sandbox"]
"""The providers with which a client starts a payment. Each has a module of the same name in `boxoffice.payments`."""

type UnannouncedProvider = Literal["generic"]
"""The providers that know no payment of ours beforehand. Their events name an order."""

STARTABLE: tuple[str, ...] = get_args(StartableProvider.__value__)
PROVIDERS: tuple[str, ...] = (*STARTABLE, *get_args(UnannouncedProvider.__value__))


def startable(enabled: AbstractSet[str]) -> list[str]:
    """Return those of the providers of a deployment with which a client starts a payment."""
    return sorted(enabled & {*STARTABLE})
