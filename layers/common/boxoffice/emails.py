"""What an email is made of, and how one is written.

Each domain says in its own `emails.py` what its emails tell; the templates are beside it. An email is composed when it
is sent, so it tells what is true by then.

Emails link to the pages of the shop, like ``PUBLIC_URL/orders/<order id>#token=<token>``. The token is in the fragment,
which browsers keep to themselves: it reaches neither a log nor a Referer. The page sends it as X-Order-Token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import jinja2

from boxoffice import money
from boxoffice.config import settings


@dataclass(frozen=True)
class Image:
    """A picture in an email's HTML, which refers to it as ``cid:<content_id>``."""

    content_id: str
    name: str
    png: bytes


@dataclass(frozen=True)
class Attachment:
    """A file that comes with an email; the name is plain ASCII."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Content:
    """What an email says."""

    subject: str
    text: str
    html: str
    images: list[Image] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)


@dataclass(frozen=True)
class Occasion:
    """When and where an event is."""

    event_id: UUID
    event_version: int
    event_title: str
    venue_name: str
    venue_address: str
    city: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime


def write(
    template: str,
    subject: str,
    facts: dict[str, Any],
    images: Sequence[Image] = (),
    attachments: Sequence[Attachment] = (),
) -> Content:
    """Fill in a template, as plain text and as HTML.

    Args:
        template: the name of its files, without ``.txt`` and ``.html``.
        facts: what it says, by the names that it uses; `subject` is one of them.
    """
    facts = facts | {"subject": subject}
    text, html = (_templates().get_template(f"{template}.{kind}").render(facts) for kind in ("txt", "html"))
    return Content(one_line(subject), text, html, list(images), list(attachments))


def link(page: str, thing_id: UUID, token: str) -> str | None:
    """A link to a page of the shop; None where there is no PUBLIC_URL."""
    base = settings().public_url
    return f"{base}/{page}/{thing_id}#token={token}" if base else None


def one_line(text: str) -> str:
    """A text as it may be in a header or a sentence: without line breaks and other control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def place_of(occasion: Occasion) -> str:
    """Where an event is: the venue, its address and its city."""
    return ", ".join(filter(None, (occasion.venue_name, occasion.venue_address, occasion.city)))


def titles_of(titles: Sequence[str]) -> str:
    """The events of an order, in few words."""
    others = len(titles) - 1
    return titles[0] if others == 0 else f"{titles[0]} and {others} other event{'s' if others > 1 else ''}"


@cache
def _templates() -> jinja2.Environment:
    """The templates of all domains. Their names are unique."""
    package = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([package / "templates", *sorted(package.glob("*/templates"))]),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        finalize=lambda shown: one_line(shown) if type(shown) is str else shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = money.show
    return environment
