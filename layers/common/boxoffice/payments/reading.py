"""Read values that a provider sends, and refuse values that the database could not store.

Each function but `text_of` raises ValueError for a value that makes no sense.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from boxoffice.money import exponent, major, minor
from boxoffice.texts import one_line

_NAME = re.compile(r"[\x21-\x7e]{1,255}")
_MAX_AMOUNT = 100_000_000_000_000
_LONGEST_TEXT = 200


def name_of(value: Any) -> str:
    """Return a provider's name for an object of its own: at most 255 visible ASCII characters without spaces."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("no name")
    return value


def text_of(value: Any) -> str:
    """Return what a provider says in words, as one line that can be stored and shown. It is cut if it is long.

    Nobody checks such words: a person may have written them, and an emoji that was cut in two is no text any more.
    """
    return one_line(str(value or "")[: 2 * _LONGEST_TEXT])[:_LONGEST_TEXT]


def currency_of(value: Any) -> str:
    """Return the code of a currency, in capital letters."""
    code = value.upper() if isinstance(value, str) else ""
    exponent(code)  # of one that we do not know, nobody could say how much an amount is
    return code


def amount_of(value: Any, currency: str, decimals: int = 0) -> int:
    """Return an amount in the minor unit, from a number in units of 10⁻ᵈᵉᶜⁱᵐᵃˡˢ of the currency."""
    if type(value) not in (int, float, Decimal) or not 0 < value < _MAX_AMOUNT:
        raise ValueError("no amount")
    return minor(Decimal(str(value)).scaleb(-decimals), currency)


def whole_amount_of(value: Any, currency: str) -> int:
    """Return an amount of the major unit in whole minor units. What is beyond those is left out.

    A provider may convert currencies and so answer fractions of a minor unit.
    """
    if type(value) not in (int, float, Decimal) or not 0 < value < _MAX_AMOUNT:
        raise ValueError("no amount")
    unit = major(1, currency)
    return minor((Decimal(str(value)) // unit) * unit, currency)


def moved_amount_of(value: Any, currency: str, decimals: int = 0) -> int:
    """Return an amount of a balance report in the minor unit: what was added, or taken if it is negative, or nothing.

    Providers work out fees and conversions more exactly than currencies can be paid. So the amount is rounded, half to
    even.

    Args:
        decimals: of the number: it is in units of 10⁻ᵈᵉᶜⁱᵐᵃˡˢ of the currency.
    """
    if type(value) not in (int, float, Decimal) or not -_MAX_AMOUNT < value < _MAX_AMOUNT:
        raise ValueError("no amount")
    scaled = Decimal(str(value)).scaleb(exponent(currency) - decimals)
    return int(scaled.quantize(Decimal(1), ROUND_HALF_EVEN))


def payment_id_of(value: Any) -> UUID | None:
    """Return the id of our payment. None if it is not ours: another system may use the same account at the provider."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
