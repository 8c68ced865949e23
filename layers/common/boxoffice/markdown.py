"""Markdown of organisers as HTML that any page may show (CommonMark).

The HTML has text, headings, lists, quotes, code and links, and nothing else: no picture that a stranger counts visitors
with, no HTML of the source, no script. It is made when it is read, so that a mended library mends what is stored.

A link stands where it is used. A definition of one, such as ``[1]: https://…``, stays a text: with a long address that
a thousand words refer to, 10 KB would become 6 MB.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import Field, computed_field

from boxoffice import texts
from boxoffice.models import Text, View

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TAGS = {
    *("a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6"),
    *("hr", "li", "ol", "p", "pre", "s", "strong", "ul"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}
_DEEPEST = 20  # levels of lists and quotes; what is nested deeper is left out

MARKDOWN = "Markdown (CommonMark). HTML, pictures and definitions of links in it are not shown as such"
Markdown = Annotated[Text, Field(description=MARKDOWN)]


class _HasDescription(Protocol):
    @property
    def description(self) -> str: ...


class DescribedView(View):
    """A response with a field ``description`` in Markdown, which it shows as HTML too."""

    @computed_field(  # type: ignore[prop-decorator]
        description="The description as HTML that any page may show: text, lists and links, without pictures"
    )
    @property
    def description_html(self: _HasDescription) -> str:
        return html_of(self.description)


@lru_cache(maxsize=64)
def html_of(source: str) -> str:
    """Return a text in Markdown as HTML. Each end of a line breaks the line."""
    import nh3

    html = nh3.clean(
        _parser().render(source),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="nofollow noopener",
    )
    return texts.without_dropped(html)  # the source had none of that, but &#8238; stands for a character of it


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    options = {"html": False, "breaks": True, "maxNesting": _DEEPEST}
    parser = MarkdownIt("commonmark", options).enable("strikethrough").disable("reference")
    parser.add_render_rule("image", _text_of_picture)
    return parser


def _text_of_picture(_: object, tokens: "Sequence[Token]", index: int, *__: object) -> str:
    return escape(tokens[index].content)
