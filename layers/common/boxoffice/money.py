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


def show(amount: int, currency: str, locale: str = "en") -> str:
    """An amount as people write it: ``show(150000, "NGN")`` is ``NGN1,500.00``."""
    from babel.numbers import format_currency, get_currency_precision

    return format_currency(Decimal(amount).scaleb(-get_currency_precision(currency)), currency, locale=locale)
