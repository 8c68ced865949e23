"""The types that the requests and responses of all domains share.

pydantic builds a model when it is first used (`defer_build`). An endpoint imports the models of whole domains and uses
a few of them.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
    ValidationError,
    computed_field,
)

from boxoffice import money

# Control characters, line separators, lone surrogates, and what turns the direction of the text around it. PostgreSQL,
# email headers and PDFs each refuse some of them, and the last kind makes a text look like another one.
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol for Unicode, but they leave no ink
# From 1970, since a device that has lost the time says 1970.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)
_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def _printable(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    if _NOT_IN_TEXT.search(text):
        raise ValueError("must not contain control characters")
    return unicodedata.normalize("NFC", text)


def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    if _NOT_IN_A_LINE.search(text):
        raise ValueError("must be one line without control characters")
    return unicodedata.normalize("NFC", text)


def _visible(text: str) -> str:
    """Refuse a name of nothing that a person can see. Joiners in words and emoji stay."""
    if not text.isascii() and not any(unicodedata.category(char)[0] in "LNPS" for char in text if char not in _BLANKS):
        raise ValueError("must have a character that people can see")
    return text


def _bare_address(address: object) -> object:
    """Refuse what EmailStr would repair: ``Ada <ada@example.com>``, and line ends around an address."""
    if isinstance(address, str) and ("<" in address or _NOT_IN_A_LINE.search(address)):
        raise ValueError("must be an email address and nothing else")
    return address


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


def _rfc_3339(moment: object) -> object:
    """Refuse anything but RFC 3339, section 5.6. pydantic would take a number for seconds since 1970."""
    if isinstance(moment, datetime) or (isinstance(moment, str) and _DATE_AND_TIME.match(moment)):
        return moment
    raise ValueError("must be a date and time like 2026-01-31T19:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("must lie between the years 1970 and 2200")
    return moment.astimezone(UTC)


ShortText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
    AfterValidator(_visible),
]
PastedText = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_pasted)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000), AfterValidator(_printable)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40_000), AfterValidator(_printable)]
ImageUrl = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^https://[\x21-\x7e]+$"),
    AfterValidator(_url),
    Field(examples=["https://example.com/poster.jpg"]),
]
WebUrl = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^https?://[^\s\x00-\x1f]+$"),
    AfterValidator(_url),
    Field(examples=["https://example.com"]),
]
Email = Annotated[EmailStr, BeforeValidator(_bare_address), AfterValidator(str.lower), Field(max_length=254)]
# Whoever buys does not wait for the library that knows how many digits a number has. So a buyer's phone is checked by
# its form alone, and nobody sends anything to it.
BuyerPhone = Annotated[
    str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"), Field(description="E.164", examples=["+2348012345678"])
]
Phone = Annotated[BuyerPhone, AfterValidator(_possible_phone)]
Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_in_utc)]
Price = Annotated[int, Field(strict=True, ge=0, le=money.MAX_PRICE, description="In the currency's minor unit")]
Id = UUID


class Request(BaseModel):
    """The body of a request. It refuses fields that the model does not have."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


def unchanged() -> Any:
    """Return the default of a field in a `Patch`. A request may leave the field out, but not send null."""
    return Field(default=None, json_schema_extra=_without_default)


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


class Page[T](View):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")
