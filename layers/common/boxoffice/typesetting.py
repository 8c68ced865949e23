"""Documents to print: PDFs that Typst makes from templates (decision 27).

Typst sets text of any script, and embeds only those parts of the fonts that the text needs. It stays ready between
invocations, so a page takes a millisecond or two. Templates receive texts as JSON, never as markup. The same content
gives the same bytes.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def pdf(template: str, function: str, content: Any) -> bytes:
    """Return the document that a function of a template makes of some content.

    Args:
        template: its path in this package, like ``tickets/tickets.typ``.
        content: what JSON can say. Its texts have passed `faces.printable`.
    """
    document: bytes = _typesetter().compile(_source(template, function, content), format="pdf")
    return document


def _source(template: str, function: str, content: Any) -> bytes:
    """Return the source of a document that shows some content with a template.

    The template itself never changes, so Typst keeps what it has worked out about it. The content is JSON in a string:
    plain ASCII, which Typst and JSON escape in the same way.
    """
    shown = json.dumps(json.dumps(content))
    return f'#import "/{template}": {function}\n#{function}(json(bytes({shown})))'.encode()


@cache
def _typesetter() -> Any:
    """Return this execution environment's compiler, which keeps the fonts and what it has worked out before."""
    import noto_cjk_sans_jp_regular as cjk
    import typst

    # Typst would use several threads. An environment has part of one processor, so they would only wait in turns.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    return typst.Compiler(
        root=_HERE,
        font_paths=[_HERE / "tickets/fonts", Path(cjk.__file__).parent],
        ignore_system_fonts=True,
    )
