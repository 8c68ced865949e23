"""Read values that a provider sends, and let nothing pass that the database would refuse.

Each function raises ValueError for a value that makes no sense.
"""

import re
from decimal import Decimal
from typing import Any
from uuid import UUID

from boxoffice.money import minor

_NAME = re.compile(r"[\x21-\x7e]{1,255}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = 100_000_000_000_000


def name_of(value: Any) -> str:
    """A provider's name for something of its own: short, of visible ASCII characters without spaces."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("no name")
    return value


def currency_of(value: Any) -> str:
    """The code of a currency, in capitals."""
    code = value.upper() if isinstance(value, str) else ""
    if not _CURRENCY.fullmatch(code):
        raise ValueError("no currency")
    return code


def amount_of(value: Any, currency: str, decimals: int = 0) -> int:
    """An amount in the minor unit, from a number in units of 10⁻ᵈᵉᶜⁱᵐᵃˡˢ of the currency."""
    if type(value) not in (int, float, Decimal) or not 0 < value < _MOST:
        raise ValueError("no amount")
    return minor(Decimal(str(value)).scaleb(-decimals), currency)


def payment_id_of(value: Any) -> UUID | None:
    """The id of our payment. None if the payment is not ours: others may use the same account at the provider."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
