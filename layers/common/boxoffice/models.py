"""The types that the requests and responses of all domains share.

pydantic builds a model when it is first used (`defer_build`). An endpoint imports the models of whole domains and uses
a few of them.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Protocol, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    computed_field,
)
from pydantic_core import PydanticCustomError

from boxoffice import money, texts
from boxoffice.pagination import page_of

MINOR_UNITS = "minor_units"
"""The type of the error that an amount is not an integer."""

_WORDS_OF_PATTERNS: dict[str, str] = {}


def pattern(regex: str, words: str) -> str:
    """Return the regular expression of a text. Whoever sends another text is told the words, such as "must be …"."""
    _WORDS_OF_PATTERNS[regex] = words
    return regex


def words_of_pattern(regex: str) -> str:
    """Return what a text that matches a regular expression must be, in words."""
    return _WORDS_OF_PATTERNS.get(regex, "does not have the form that is needed")


# From 1970, since a device that has lost the time says 1970.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def check_currency(code: str) -> str:
    """Return the code of a currency that people pay with today. Refuse another."""
    if not money.is_currency(code):
        raise ValueError("must be a currency of ISO 4217 that people pay with today, such as NGN")
    return code


def _visible_line(text: str) -> str:
    """Return a name on one line. Refuse one of nothing that a person can see."""
    texts.check_marks(text)
    return _visible(texts.one_line(text))


def _visible(text: str) -> str:
    if not texts.is_visible(text):
        raise ValueError("must have a character that people can see")
    return text


def _lines(text: str) -> str:
    """Return a text of several lines as it is stored."""
    texts.check_marks(text)
    return texts.lines(text)


def _without_web_address(text: str) -> str:
    """Refuse a name that would be a link in an email: strangers would have us advertise it."""
    if texts.has_web_address(text):
        raise ValueError("must be a name, without the address of a website")
    return text


def _deliverable(address: str) -> str:
    """Return an email address in its one spelling: in lower case, with its domain in ASCII (IDNA 2008).

    Refuse one that SES cannot write to. What is before the @ must be 1 to 64 characters of ASCII without quotes, and
    what is after it a public domain.
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        parts = validate_email(address, allow_smtputf8=False, strict=True, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"must be an email address that can be delivered to. {error}") from error
    assert parts.ascii_email is not None  # since the part before the @ is ASCII
    return parts.ascii_email.lower()


def _possible_phone(phone: str) -> str:
    """Return a phone number in its one spelling. Refuse what cannot be one."""
    from boxoffice import phones

    return phones.normalise(phone)


def _pasted(text: str) -> str:
    """Return a code or a token without what a scanner, an email or the clipboard has added to it."""
    from boxoffice import pasted

    return pasted.plain(text)


def _url(text: str) -> str:
    """Return a URL as browsers write it: its host in ASCII, and what else is not ASCII percent-encoded."""
    from pydantic_core import Url

    try:
        url = Url(text)
    except ValidationError as error:
        raise ValueError("must be a URL") from error
    if url.username or url.password:
        raise ValueError("must not contain credentials")
    return str(url)


def _minor_units(amount: object) -> object:
    """Refuse 49.99 by an error of its own: whoever sends it means the major unit."""
    if isinstance(amount, float | str):
        raise PydanticCustomError(MINOR_UNITS, "must be an integer in the currency's minor unit")
    return amount


def _rfc_3339(moment: object) -> object:
    """Refuse anything but RFC 3339, section 5.6. pydantic would take a number for seconds since 1970."""
    if isinstance(moment, datetime) or (isinstance(moment, str) and _DATE_AND_TIME.match(moment)):
        return moment
    raise ValueError("must be a date and time like 2026-01-31T19:00:00Z")


def _iso_day(day: object) -> object:
    """Refuse anything but a full date of RFC 3339. pydantic would take a number for seconds since 1970."""
    if isinstance(day, date) or (isinstance(day, str) and _DATE.fullmatch(day)):
        return day
    raise ValueError("must be a date like 2026-01-31")


def _known_day(day: date) -> date:
    if not _EARLIEST.date() <= day < _LATEST.date():
        raise ValueError("must lie between the years 1970 and 2200")
    return day


def _in_utc(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("must lie between the years 1970 and 2200")
    return moment.astimezone(UTC)


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_visible_line),
    Field(max_length=200),  # NFC takes some characters apart
]
PastedText = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_pasted)]
Name = Annotated[ShortText, AfterValidator(_without_web_address)]
"""What a person or a seller is called, in emails to others too."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000), AfterValidator(_lines)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40_000), AfterValidator(_lines)]
VisibleText = Annotated[Text, AfterValidator(_visible)]
PostalAddress = Annotated[VisibleText, Field(max_length=500, examples=["1 Hospital Road\nLagos\nNigeria"])]
ImageUrl = Annotated[
    str,
    StringConstraints(
        max_length=2000,
        pattern=pattern(r"^https://[\x21-\x7e]+$", "must be a URL in ASCII that begins with https://, without spaces"),
    ),
    AfterValidator(_url),
    Field(examples=["https://example.com/poster.jpg"]),
]
WebUrl = Annotated[
    str,
    StringConstraints(
        max_length=2000,
        pattern=pattern(
            r"^https?://[^\s\x00-\x1f]+$", "must be a URL that begins with https:// or http://, without spaces"
        ),
    ),
    AfterValidator(_url),
    Field(examples=["https://example.com"]),
]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    AfterValidator(_deliverable),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
Locale = Annotated[
    str,
    StringConstraints(
        pattern=pattern(
            r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,7}$", "must be a language tag of BCP 47, such as en or pt-BR"
        )
    ),
    Field(
        description="A BCP 47 tag. Emails, text messages and tickets are in the nearest language that there is",
        examples=["pt-BR"],
    ),
]
"""The language that somebody reads. The languages that there are may become more, so any tag is stored."""
# Whoever buys does not wait for the library that knows how many digits a number has. So a buyer's phone is checked by
# its form alone, and nobody sends anything to it.
BuyerPhone = Annotated[
    str,
    StringConstraints(
        pattern=pattern(
            r"^\+[1-9][0-9]{6,14}$",
            "must be a phone number of + and 7 to 15 digits with the country code, such as +2348012345678",
        )
    ),
    Field(description="E.164", examples=["+2348012345678"]),
]
Phone = Annotated[BuyerPhone, AfterValidator(_possible_phone)]
Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_in_utc)]
Day = Annotated[date, BeforeValidator(_iso_day), AfterValidator(_known_day)]
COUNTRY_CODE = pattern(r"^[A-Z]{2}$", "must be two capital letters of ISO 3166-1, such as NG, not Nigeria")
CURRENCY_CODE = pattern(r"^[A-Z]{3}$", "must be three capital letters of ISO 4217, such as NGN")
VISIBLE = pattern(r"^[\x21-\x7e]+$", "must be visible ASCII characters, without spaces")
Currency = Annotated[
    str,
    StringConstraints(pattern=CURRENCY_CODE),
    AfterValidator(check_currency),
    Field(description="ISO 4217", examples=["NGN"]),
]
MinorUnits = BeforeValidator(_minor_units)
"""Marks an amount of money. It stands behind the bounds."""
Price = Annotated[
    int, Field(strict=True, ge=0, le=money.MAX_PRICE, description="In the currency's minor unit"), MinorUnits
]
Id = UUID


class Request(BaseModel):
    """The body of a request. It refuses fields that the model does not have."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


def unchanged(description: str | None = None) -> Any:
    """Return the default of a field in a `Patch`. A request may leave the field out, but not send null."""
    return Field(default=None, description=description, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default")


class Patch(Request):
    """A request to change some fields. Those that it leaves out stay as they are."""

    def changes(self) -> dict[str, Any]:
        """Return the fields that the request has."""
        return self.model_dump(exclude_unset=True)


class View(BaseModel):
    """The body of a response, made from a row or from keywords."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)


class _HasCurrency(Protocol):
    @property
    def currency(self) -> str: ...


class MoneyView(View):
    """A response with amounts in one currency. It has a field ``currency``, and says how to read the amounts."""

    @computed_field(  # type: ignore[prop-decorator]
        description="How many decimals the currency has in ISO 4217: divide an amount by 10 to this power to show it"
    )
    @property
    def currency_exponent(self: _HasCurrency) -> int:
        return money.exponent(self.currency)


class ActorView(View):
    """Who has done something."""

    id: Id
    kind: Literal["account", "key", "device"] = Field(description="A person, an API key, or a device at the door")
    name: str


class ChallengeView(View):
    """A puzzle that tells people from programs."""

    provider: Literal["turnstile", "hcaptcha", "recaptcha"] = Field(description="Whose widget a page shows")
    site_key: str = Field(description="The widget's site key")


class Page[T](View):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")

    @classmethod
    def of[Row](
        cls,
        rows: list[Row],
        limit: int,
        key: Callable[[Row], tuple[UUID | datetime | int, ...]] = lambda row: (row.id,),  # type: ignore[attr-defined]
        show: Callable[[Row], object] = lambda row: row,
    ) -> Self:
        """Return the page of the rows of a statement with ``LIMIT limit + 1``.

        Args:
            key: returns what the statement sorts by.
            show: returns the item of a row, or an object that has its fields, as the row itself may.
        """
        page, next_cursor = page_of(rows, limit, key)
        return cls.model_validate({"items": [show(row) for row in page], "next_cursor": next_cursor})
