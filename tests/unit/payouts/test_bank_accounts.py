"""Account numbers are checked as their countries do. The right ones are others' published examples."""

import pytest
from schwifty import registry

from boxoffice import bank_accounts
from boxoffice.bank_accounts import BankCountry


@pytest.mark.parametrize(
    "iban",
    [
        # The examples of SWIFT's IBAN registry (ISO 13616).
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
        "FR1420041010050500013M02606",
        "NL91ABNA0417164300",
        "MT84MALT011000012345MTLCAST001S",
        "NO9386011117947",
        "SA0380000000608010167519",
    ],
)
def test_the_examples_of_the_registry_are_ibans(iban: str) -> None:
    grouped = " ".join(iban[place : place + 4] for place in range(0, len(iban), 4)).lower()
    assert bank_accounts.normal_iban(iban) == bank_accounts.normal_iban(grouped) == iban


@pytest.mark.parametrize(
    "text",
    [
        "DE88370400440532013000",  # other check digits
        "DE89370400440532031000",  # two digits changed places
        "DE8937040044053201300",  # one is missing
        "XX89370400440532013000",
        "DE89-3704-0044-0532-0130-00\u200b",
        "",
        "😀" * 20,
    ],
)
def test_other_texts_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be an IBAN"):
        bank_accounts.normal_iban(text)


def test_an_iban_says_its_country_and_its_bank() -> None:
    facts = bank_accounts.iban_facts("DE89370400440532013000")
    assert (facts.country, facts.bic) == ("DE", "COBADEFFXXX")
    assert bank_accounts.iban_facts("GB29NWBK60161331926819").country == "GB"


def test_sepa_reaches_countries_that_have_ibans() -> None:
    known = {country for country in registry.get_countries() if registry.get_iban_spec(country).in_sepa_zone}
    assert known <= set(bank_accounts.SEPA_COUNTRIES)
    for country in bank_accounts.SEPA_COUNTRIES:
        assert registry.get_iban_spec(country)
    assert {"SM", "VA"} <= set(bank_accounts.SEPA_COUNTRIES), "which joined in 2014 and 2019"


RIGHT: list[tuple[BankCountry, str, str]] = [
    ("NG", "011", "0000014579"),  # both examples of the Central Bank of Nigeria
    ("NG", "011", "0000000220"),
    ("US", "111000025", "000123456789"),  # Stripe's test account, at a bank in Texas
    ("US", "021000021", "1234"),  # JPMorgan Chase in New York
    ("GB", "200000", "55779911"),
    ("ZA", "632005", "4012345678"),
    ("KE", "01100", "1234567890"),
    ("GH", "280100", "1234567890123"),
]


@pytest.mark.parametrize(("country", "bank", "number"), RIGHT)
def test_numbers_of_a_country_have_its_form(country: BankCountry, bank: str, number: str) -> None:
    bank_accounts.check_bank(country, bank, number)


def test_the_code_of_five_digits_counts_with_a_nine() -> None:
    # 9*3 + 5*7 + 0*3 + 2*3 + 1*7 + 1*3 = 78 for the code 50211, and 1*3 + 2*7 + 3*3 + … of the number.
    digits = "950211" + "000000001"
    weights = [3, 7, 3] * 5
    check = -sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 10
    assert check == 9  # 78 + 3 is 81
    bank_accounts.check_bank("NG", "50211", "0000000019")


@pytest.mark.parametrize(
    ("country", "bank", "number"),
    [
        ("NG", "011", "0000014578"),  # another check digit
        ("NG", "058", "0000014579"),  # the number of another bank
        ("NG", "11", "0000014579"),
        ("NG", "011", "000014579"),
        ("NG", "٠١١", "0000014579"),  # Arabic digits
        ("US", "111000026", "000123456789"),
        ("US", "11100002", "000123456789"),
        ("GB", "20000", "55779911"),
        ("GB", "200000", "5577991"),
        ("ZA", "632005", "401234"),
        ("KE", "0110", "1234567890"),
        ("GH", "2801", "1234567890123"),
    ],
)
def test_other_numbers_are_refused(country: BankCountry, bank: str, number: str) -> None:
    with pytest.raises(ValueError, match="must have"):
        bank_accounts.check_bank(country, bank, number)
