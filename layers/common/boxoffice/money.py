"""Money: integers in a currency's minor unit (ISO 4217), shown with babel's locale data."""

from decimal import Decimal


def is_currency(code: str) -> bool:
    """Whether ISO 4217 knows the code as a currency in use."""
    from babel.numbers import get_currency_precision
    from babel.numbers import is_currency as known

    return code.isupper() and known(code) and get_currency_precision(code) is not None


def show(amount: int, currency: str, locale: str = "en") -> str:
    """An amount as people write it: ``show(150000, "NGN")`` is ``₦1,500.00``."""
    from babel.numbers import format_currency, get_currency_precision

    return format_currency(Decimal(amount).scaleb(-get_currency_precision(currency)), currency, locale=locale)
