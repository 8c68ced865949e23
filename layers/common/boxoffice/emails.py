"""The parts of an email, and the functions that write one.

Each domain writes its emails in its own `emails.py`, with the templates beside it. An email is written when it is sent,
so it says what is true then. Its HTML and its text come from one template, in the language of its reader.

Emails link to the pages of the shop, like ``PUBLIC_URL/orders/<order id>#token=<token>``. The token is in the fragment,
which browsers do not send: no log and no Referer has it (decision 16). The page sends it as X-Order-Token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID

import jinja2
from markupsafe import Markup

from boxoffice import email_design, languages, money
from boxoffice.config import settings
from boxoffice.email_text import plain
from boxoffice.languages import N_, gettext, ngettext
from boxoffice.texts import one_line
from boxoffice.times import TimeAndPlace

_MOST_PREHEADER = 160  # characters


class NotNeeded(Exception):
    """The reason why an email is not sent: what it was to say is over, or concerns nobody. Its writer raises this."""


class TooLate(NotNeeded):
    """The message waited so long that what it was to say is over. Whoever was to get it still waits for it."""


@dataclass(frozen=True)
class Image:
    """A picture in an email's HTML, which refers to it as ``cid:<content_id>``."""

    content_id: str
    name: str
    png: bytes


@dataclass(frozen=True)
class Attachment:
    """A file that an email brings along. Its name is plain ASCII."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Content:
    """The subject, the text and the HTML of an email, with its pictures and attachments.

    Attributes:
        sender: the name of who writes, at our address. None for the platform.
        reply_to: where answers go. None for our address.
        unsubscribe_url: where a mail program ends the subscription by one POST (RFC 8058). None if there is none.
    """

    subject: str
    text: str
    html: str
    images: list[Image] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    sender: str | None = None
    reply_to: str | None = None
    unsubscribe_url: str | None = None


@dataclass(frozen=True)
class Seller:
    """Whom an email about an order or an event comes from."""

    name: str
    contact: str | None


class Sold(Protocol):
    """What a seller sells."""

    @property
    def seller(self) -> str: ...
    @property
    def seller_contact(self) -> str | None: ...


@dataclass(frozen=True)
class Occasion(TimeAndPlace):
    """The facts of an event that emails and calendars show: when and where it is, and who sells it.

    Attributes:
        seller_contact: the seller's address for questions, if it has given one.
    """

    event_id: UUID
    event_version: int
    event_title: str
    seller: str
    seller_contact: str | None


def seller_of(sold: Sold) -> Seller:
    """Return who sells an event, an order or a ticket."""
    return Seller(sold.seller, sold.seller_contact)


def write(
    template: str,
    subject: str,
    facts: dict[str, Any],
    images: Sequence[Image] = (),
    attachments: Sequence[Attachment] = (),
    seller: Seller | None = None,
) -> Content:
    """Write an email from its template, as plain text and as HTML, in the language of `languages.written_in`.

    Args:
        template: the name of the template file, without ``.html``.
        facts: the values that the template uses, by name. `subject` is added. A `notice` may stand above all else.
        seller: whom the email comes from. By default the platform.
    """
    facts = {"notice": None, **facts, "subject": subject, "sender": seller or Seller(settings().site, None)}
    text = plain(_templates("txt").get_template(f"{template}.html").render(facts))
    frame = {"preheader": _preheader(subject, text), "language": languages.current()}
    html = _templates("html").get_template(f"{template}.html").render(facts | frame)
    sender = (seller.name, seller.contact) if seller else (None, None)
    return Content(one_line(subject), text, html, list(images), list(attachments), *sender)


def _preheader(subject: str, text: str) -> str:
    """Return what a list of emails shows beside the subject: the beginning of what the text says after it."""
    said = text.removeprefix(f"{email_design.as_shown(subject)}\n")
    return " ".join(said[: 2 * _MOST_PREHEADER].split("\n")).strip().replace("  ", " ")[:_MOST_PREHEADER]


_NOTICES = {
    "qrs": N_(
        "Your tickets have new QR codes. Use those in this email: at the door, the earlier ones are soon refused."
    ),
    "address": N_("This order is yours now. The links and QR codes of its earlier emails no longer work."),
    "links": N_("The links in our earlier emails no longer work. Use those in this email."),
}


def notice_of(renewed: str) -> str | None:
    """Return what an email says above all else if it is sent again. None if it is sent for the first time.

    Args:
        renewed: why it is sent again. ``qrs`` or ``links``: a key has leaked. ``address``: the order has another one.
    """
    return gettext(_NOTICES[renewed]) if renewed else None


def link(page: str, resource_id: UUID, token: str) -> str | None:
    """Return a link to a page of the shop, or None if the deployment has no PUBLIC_URL."""
    base = settings().public_url
    return f"{base}/{page}/{resource_id}#token={token}" if base else None


def page_link(page: str, token: str | None = None) -> str | None:
    """Return a link to a page of the shop that is about no one resource, or None if there is no PUBLIC_URL."""
    base = settings().public_url
    fragment = f"#token={token}" if token else ""
    return f"{base}/{page}{fragment}" if base else None


def venue_of(occasion: Occasion) -> str:
    """Return where an event is: the venue, its address and its city."""
    return ", ".join(filter(None, (occasion.venue_name, occasion.venue_address, occasion.city)))


def titles_of(titles: Sequence[str]) -> str:
    """Return the titles of an order's events in few words: "Hamlet and 2 other events"."""
    first, others = titles[0], len(titles) - 1
    if others == 0:
        return first
    return ngettext("%(title)s and %(num)s other event", "%(title)s and %(num)s other events", others, title=first)


@cache
def _templates(kind: Literal["html", "txt"]) -> jinja2.Environment:
    """Return the templates of all domains, with the frame and the parts of HTML or of text. Their names are unique."""
    package = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([package / "templates", *sorted(package.glob("*/templates"))]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=email_design.as_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", *([email_design.InlineStyles] if kind == "html" else [])],
    )
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.filters |= email_design.FILTERS | {"money": money_of}
    environment.globals |= {"layout": f"_layout.{kind}", "gettext": _sentence, "ngettext": _sentence_of_number}
    parts = vars(environment.get_template(f"_parts.{kind}").module)
    environment.globals |= {name: part for name, part in parts.items() if not name.startswith("_")}
    return environment


def money_of(amount: int, currency: str) -> str:
    """Return an amount in the minor unit of its currency, as the reader writes it."""
    return money.show(amount, currency, languages.current().numbers)


def _sentence(message: str, **values: Any) -> Markup:
    """Return a message of a template in the reader's language. Its values are escaped, and kept apart."""
    shown = {name: email_design.apart(value) for name, value in values.items()}
    return Markup(gettext(message, **shown))  # noqa: S704 - the message is ours, and the values are escaped


def _sentence_of_number(singular: str, plural: str, num: int, **values: Any) -> Markup:
    """Return a message about a number. See `_sentence`."""
    shown = {name: email_design.apart(value) for name, value in values.items()}
    return Markup(ngettext(singular, plural, num, **shown))  # noqa: S704
