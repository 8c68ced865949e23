"""Money: integers in a currency's minor unit (ISO 4217), shown with babel's locale data."""

from decimal import Decimal
from functools import cache


def is_currency(code: str) -> bool:
    """Whether this is the ISO 4217 code of a currency that is legal tender somewhere today."""
    return code in _in_use()


@cache
def _in_use() -> frozenset[str]:
    from babel.core import get_global

    histories = get_global("territory_currencies").values()
    return frozenset(
        code for history in histories for code, _, until, is_tender in history if until is None and is_tender
    )


def major(amount: int, currency: str) -> Decimal:
    """An amount in the currency itself: ``major(150000, "NGN")`` is 1500.00."""
    return Decimal(amount).scaleb(-_decimals(currency))


def minor(amount: Decimal, currency: str) -> int:
    """An amount of the currency in its minor unit.

    Raises:
        ValueError: it is finer than the minor unit, or no number.
    """
    scaled = amount.scaleb(_decimals(currency))
    if not scaled.is_finite() or scaled != int(scaled):
        raise ValueError(f"{amount} {currency} is no whole number of its minor unit")
    return int(scaled)


def _decimals(currency: str) -> int:
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


def show(amount: int, currency: str, locale: str = "en") -> str:
    """An amount as people write it: ``show(150000, "NGN")`` is ``NGN1,500.00``."""
    from babel.numbers import format_currency

    return format_currency(major(amount, currency), currency, locale=locale)
