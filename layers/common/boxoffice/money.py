"""Money: integers in the minor unit of a currency (ISO 4217), shown with the locale data of babel."""

from decimal import Decimal
from functools import cache


def is_currency(code: str) -> bool:
    """Return True if this is the ISO 4217 code of a currency that is legal tender somewhere today."""
    return code in _currencies()


@cache
def _currencies() -> frozenset[str]:
    from babel.core import get_global

    histories = get_global("territory_currencies").values()
    return frozenset(
        code for history in histories for code, _, until, is_tender in history if until is None and is_tender
    )


def major(amount: int, currency: str) -> Decimal:
    """Return an amount in the major unit: ``major(150000, "NGN")`` is 1500.00."""
    return Decimal(amount).scaleb(-_decimals(currency))


def minor(amount: Decimal, currency: str) -> int:
    """Return an amount of the major unit in the minor unit.

    Raises:
        ValueError: the amount is not a number, or not a whole number of minor units.
    """
    scaled = amount.scaleb(_decimals(currency))
    if not scaled.is_finite() or scaled != int(scaled):
        raise ValueError(f"{amount} {currency} is not a whole number of minor units")
    return int(scaled)


def _decimals(currency: str) -> int:
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


def show(amount: int, currency: str, locale: str = "en") -> str:
    """Return an amount as people write it: ``show(150000, "NGN")`` is ``NGN1,500.00``."""
    from babel.numbers import format_currency

    return format_currency(major(amount, currency), currency, locale=locale)
