"""Phone numbers: one spelling for each, and what Google's libphonenumber knows of them.

The library takes 20 ms to import. So whoever does not need it does not import it.
"""

from dataclasses import dataclass

_PREFIX_DIGITS = 3


@dataclass(frozen=True)
class PhoneFacts:
    """What a number says of itself.

    Attributes:
        country: by ISO 3166; None if the number belongs to none, such as that of a satellite phone.
        prefix: its country code and the first three digits after that, which say the operator or the area.
        is_mobile: True if it can be a mobile phone's. Such a number costs what messages to the country cost.
    """

    country: str | None
    prefix: str
    is_mobile: bool


def normalise(text: str, country: str | None = None) -> str:
    """Return a phone number in E.164, such as ``+2348012345678``, however somebody typed it.

    Args:
        country: where the number is dialled without a country code.

    Raises:
        ValueError: it is no phone number, or has too many or too few digits for its country.
    """
    import phonenumbers

    if country is not None and not is_country(country):
        raise ValueError("must come with a `country` of ISO 3166-1 that has phone numbers, such as NG")
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as error:
        raise ValueError("must be a phone number with + and the country code, or with its `country`") from error
    length = phonenumbers.is_possible_number_with_reason(number)
    if number.extension or length != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("has too few or too many digits for a phone number of its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_country(code: str) -> bool:
    """Return True if a code is that of a country, by ISO 3166, which has phone numbers."""
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS


def facts_of(phone: str) -> PhoneFacts:
    """Return what a number in E.164 says of itself."""
    import phonenumbers
    from phonenumbers import PhoneNumberType

    number = phonenumbers.parse(phone)
    national = phonenumbers.national_significant_number(number)
    country = phonenumbers.region_code_for_number(number)
    return PhoneFacts(
        country=country if country and is_country(country) else None,
        prefix=f"+{number.country_code}{national[:_PREFIX_DIGITS]}",
        is_mobile=phonenumbers.number_type(number) in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE),
    )
