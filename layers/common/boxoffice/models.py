"""The types that requests and responses of all domains are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, StringConstraints


def _printable(text: str) -> str:
    """Refuse control characters and lone surrogates: PostgreSQL, email headers and PDFs all choke on some of them."""
    if any(not (char.isprintable() or char in "\n\t") for char in text):
        raise ValueError("must not contain control characters")
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _in_utc(moment: datetime) -> datetime:
    if not 2000 <= moment.year <= 2200:
        raise ValueError("must lie between the years 2000 and 2200")
    return moment.astimezone(UTC)


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10_000), AfterValidator(_printable)]
Email = Annotated[EmailStr, AfterValidator(str.lower), Field(max_length=254)]
Phone = Annotated[
    str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"), Field(description="E.164", examples=["+2348012345678"])
]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Amount = Annotated[int, Field(strict=True, ge=0, le=100_000_000_000, description="In the currency's minor unit")]
Id = UUID


class Request(BaseModel):
    """A request's body. Fields that the contract does not name are refused."""

    model_config = ConfigDict(extra="forbid")


class Patch(Request):
    """A request to change some fields: those that are left out stay as they are."""

    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True)


class View(BaseModel):
    """A response's body, made of a row or of keywords."""

    model_config = ConfigDict(from_attributes=True)


class Page[T](View):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null on the last one")
