"""Phone numbers: one spelling for each, and what they say of themselves. The numbers are those of national plans."""

import pytest
from pydantic import TypeAdapter, ValidationError

from boxoffice import phones
from boxoffice.models import BuyerPhone, Phone
from tests.helpers.support import run_python


@pytest.mark.parametrize(
    ("text", "country", "normal"),
    [
        ("+2348012345678", None, "+2348012345678"),
        ("+234 (0) 801-234-5678", None, "+2348012345678"),
        ("0801 234 5678", "NG", "+2348012345678"),
        ("+1 202 555 0123", None, "+12025550123"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("077 123 4567", "LK", "+94771234567"),
        ("011 44 20 7946 0958", "US", "+442079460958"),  # the international prefix of the country it is dialled in
        ("02 1234 5678", "IT", "+390212345678"),  # Italy keeps the zero
        ("۰۹۱۲ ۱۲۳ ۴۵۶۷", "IR", "+989121234567"),
        ("٠٩١٢١٢٣٤٥٦٧", "IR", "+989121234567"),
        ("+49 1512 3456789", "FR", "+4915123456789"),  # a number with a country code is no number of another country
    ],
)
def test_a_number_has_one_spelling(text: str, country: str | None, normal: str) -> None:
    assert phones.normalise(text, country) == normal
    assert phones.normalise(normal) == normal


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("", None),
        ("phone", "NG"),
        ("0801 234 5678", None),
        ("+1234567", None),
        ("+1 202 555 01234", None),
        ("+44 7700", None),
        ("+999 123 456 789", None),
        ("+2348012345678 ext. 5", None),
        ("0801 234 5678", "XX"),
        ("0801 234 5678", "UK"),
        ("\u202e+2348012345678\0", "ng"),
        ("1" * 400, "NG"),
    ],
)
def test_what_is_no_number_is_refused(text: str, country: str | None) -> None:
    with pytest.raises(ValueError, match=r"must (be|come)|too few or too many"):
        phones.normalise(text, country)


@pytest.mark.parametrize(
    ("phone", "country", "prefix", "is_mobile"),
    [
        ("+2348031234567", "NG", "+234803", True),
        ("+94771234567", "LK", "+94771", True),
        ("+4915123456789", "DE", "+49151", True),
        ("+12025550123", "US", "+1202", True),  # mobile and fixed numbers look alike there
        ("+18765551234", "JM", "+1876", True),  # not the United States, though it begins with +1
        ("+390212345678", "IT", "+39021", False),
        ("+442079460958", "GB", "+44207", False),
        ("+449012345678", "GB", "+44901", False),  # premium rate
        ("+448081570192", "GB", "+44808", False),  # freephone
        ("+18005550199", "US", "+1800", False),
        ("+870773111632", None, "+870773", True),  # a satellite's
        ("+447700900123", None, "+44770", False),  # reserved for films
    ],
)
def test_a_number_says_its_country_and_its_kind(phone: str, country: str | None, prefix: str, is_mobile: bool) -> None:
    assert phones.facts_of(phone) == phones.PhoneFacts(country, prefix, is_mobile)


def test_a_phone_in_a_request_is_possible_and_has_its_one_spelling() -> None:
    checked, of_buyer = TypeAdapter(Phone), TypeAdapter(BuyerPhone)
    assert checked.validate_python("+2348012345678") == "+2348012345678"
    assert checked.validate_python("+4402079460958") == "+442079460958", "somebody typed the zero, too"
    with pytest.raises(ValidationError, match="too few or too many digits"):
        checked.validate_python("+1234567")
    assert of_buyer.validate_python("+1234567") == "+1234567", "a buyer does not wait for the library"
    with pytest.raises(ValidationError):
        checked.validate_python("080 1234 5678")


def test_a_purchase_does_not_import_the_library() -> None:
    buy = """
import sys
from tests.helpers.support import function
function("create_order")
from boxoffice.orders.models import OrderRequest
item = {"ticket_type_id": "01981f6c-7b00-7a11-8c3e-5d2f40a1b004", "quantity": 1}
buyer = {"name": "Ada", "email": "ada@example.com", "phone": "+2348012345678"}
OrderRequest.model_validate({"items": [item], "buyer": buyer})
print("phonenumbers" in sys.modules)
"""
    output, _ = run_python(buy).communicate(timeout=30)
    assert output.splitlines()[-1] == "False"
