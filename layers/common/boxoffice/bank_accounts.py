"""Account numbers: what they look like in each country, and which of them cannot be right.

Check digits find a number that somebody has mistyped. They do not say that there is such an account.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

type BankCountry = Literal["NG", "GH", "KE", "ZA", "US", "GB"]
"""The countries whose accounts have no IBAN, or often go without it."""

type MobileCountry = Literal["CI", "CM", "GH", "KE", "RW", "SN", "TZ", "UG", "ZM"]

type MobileProvider = Literal[
    "airtel", "airteltigo", "free", "moov", "mpesa", "mtn", "orange", "telecel", "tigo", "wave"
]


@dataclass(frozen=True)
class _Format:
    """How a country writes its accounts.

    Attributes:
        bank: the digits that name a bank, or a branch of it, as a regular expression. `bank_words` says the same.
        number: those of an account.
        is_right: looks at check digits. It gets the bank and the number.
    """

    bank: str
    bank_words: str
    number: str
    number_words: str
    is_right: Callable[[str, str], bool] = lambda *_: True


def _is_nuban(bank: str, number: str) -> bool:
    """Return True if the last digit of a Nigerian account number checks the others, by the Central Bank's rule.

    Codes of three digits are those of banks. A code of five, of other institutions, counts with a 9 before it.
    """
    code = f"9{bank}" if len(bank) == 5 else bank
    total = sum(int(digit) * weight for digit, weight in zip(code + number[:9], cycle((3, 7, 3)), strict=False))
    return (10 - total % 10) % 10 == int(number[9])


def _is_routing_number(bank: str, _: str) -> bool:
    """Return True if the digits of an American routing number check each other, by the rule of the bankers there."""
    return sum(int(digit) * weight for digit, weight in zip(bank, (3, 7, 1) * 3, strict=True)) % 10 == 0


_FORMATS: dict[BankCountry, _Format] = {
    "NG": _Format(r"\d{3}|\d{5}", "the code of 3 or 5 digits", r"\d{10}", "a NUBAN of 10 digits", _is_nuban),
    "GH": _Format(r"\d{6}", "the sort code of 6 digits", r"\d{8,17}", "a number of 8 to 17 digits"),
    "KE": _Format(r"\d{5}", "the codes of bank and branch, 5 digits", r"\d{5,16}", "a number of 5 to 16 digits"),
    "ZA": _Format(r"\d{6}", "the branch code of 6 digits", r"\d{7,11}", "a number of 7 to 11 digits"),
    "US": _Format(r"\d{9}", "the routing number", r"\d{4,17}", "a number of 4 to 17 digits", _is_routing_number),
    "GB": _Format(r"\d{6}", "the sort code of 6 digits", r"\d{8}", "a number of 8 digits"),
}


SEPA_COUNTRIES = [
    "AD",
    "AL",
    "AT",
    "BE",
    "BG",
    "CH",
    "CY",
    "CZ",
    "DE",
    "DK",
    "EE",
    "ES",
    "FI",
    "FR",
    "GB",
    "GI",
    "GR",
    "HR",
    "HU",
    "IE",
    "IS",
    "IT",
    "LI",
    "LT",
    "LU",
    "LV",
    "MC",
    "MD",
    "ME",
    "MK",
    "MT",
    "NL",
    "NO",
    "PL",
    "PT",
    "RO",
    "RS",
    "SE",
    "SI",
    "SK",
    "SM",
    "VA",
]
"""The countries whose IBANs a SEPA credit transfer reaches, as the European Payments Council lists them (EPC409-09).

France, Portugal, Finland and the United Kingdom have the IBANs of their islands and territories.
"""


@dataclass(frozen=True)
class MobileMarket:
    """The currency of a country's mobile money, and who offers it there."""

    currency: str
    providers: frozenset[MobileProvider]


MOBILE_MARKETS: dict[MobileCountry, MobileMarket] = {
    "CI": MobileMarket("XOF", frozenset(("moov", "mtn", "orange", "wave"))),
    "CM": MobileMarket("XAF", frozenset(("mtn", "orange"))),
    "GH": MobileMarket("GHS", frozenset(("airteltigo", "mtn", "telecel"))),
    "KE": MobileMarket("KES", frozenset(("airtel", "mpesa"))),
    "RW": MobileMarket("RWF", frozenset(("airtel", "mtn"))),
    "SN": MobileMarket("XOF", frozenset(("free", "orange", "wave"))),
    "TZ": MobileMarket("TZS", frozenset(("airtel", "mpesa", "tigo"))),
    "UG": MobileMarket("UGX", frozenset(("airtel", "mtn"))),
    "ZM": MobileMarket("ZMW", frozenset(("airtel", "mtn"))),
}


@dataclass(frozen=True)
class IbanFacts:
    """What an IBAN says of itself. The BIC is None if nobody has listed the bank."""

    country: str
    bic: str | None


def digits_of(text: str) -> str:
    """Return a code or a number without the spaces and hyphens that people group digits with."""
    return re.sub(r"[\s-]", "", text)


def check_bank(country: BankCountry, bank: str, number: str) -> None:
    """Check an account number of a country's own form. Both are digits alone.

    Raises:
        ValueError: it cannot be right.
    """
    form = _FORMATS[country]
    if not re.fullmatch(form.bank, bank, re.ASCII):
        raise ValueError(f"must have `bank_code`: in {country}, {form.bank_words}")
    if not re.fullmatch(form.number, number, re.ASCII):
        raise ValueError(f"must have `account_number`: in {country}, {form.number_words}")
    if not form.is_right(bank, number):
        raise ValueError("must have a `bank_code` and an `account_number` whose check digits are right")


def normal_iban(text: str) -> str:
    """Return an IBAN without spaces, in capital letters.

    Raises:
        ValueError: its length, form or check digits are not those of its country, or the country has no IBAN.
    """
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        iban = IBAN(text)
    except SchwiftyException as error:
        raise ValueError("must be an IBAN with right check digits, such as DE89 3704 0044 0532 0130 00") from error
    if iban.is_aspirational:
        raise ValueError("must be an IBAN of a country in the official registry")
    return iban.compact


def iban_facts(iban: str) -> IbanFacts:
    """Return what an IBAN says of itself. It was checked before."""
    from schwifty import IBAN

    known = IBAN(iban)
    return IbanFacts(known.country_code, known.bic.compact if known.bic else None)
