"""Slugs: names in URLs, of small letters and digits, made from a name in any script."""

import re
import secrets
from collections.abc import Container

from boxoffice.models import pattern

LEAST, MOST = 3, 60  # characters
PATTERN = pattern(
    r"^[a-z0-9]+(?:-[a-z0-9]+)*$", "must be small letters from a to z and digits, with single hyphens between them"
)

_SUFFIX_ALPHABET = "23456789bcdfghjkmnpqrtvwxz"  # as in order numbers: no words, nothing that people misread
_SUFFIX = 6  # characters


def slug_of(name: str, attempt: int, *, fallback: str, ending: str = "", reserved: Container[str] = ()) -> str:
    """Return a slug for a name in any script: "Größe & Café" becomes `grosse-cafe`.

    Args:
        attempt: from 0. The first has only the name. The others end with random characters, since the name is taken.
        fallback: what the slug begins with if the name gives nothing.
        ending: follows the name, such as a date.
        reserved: words that are no slug by themselves.
    """
    from anyascii import anyascii

    plain = re.sub(r"['`]", "", anyascii(name)).lower()
    ending = f"-{ending}" if ending else ""
    base = _cut("-".join(re.findall(r"[a-z0-9]+", plain)), MOST - len(ending) - len("-") - _SUFFIX)
    slug = (base + ending).strip("-")
    if attempt == 0 and len(slug) >= LEAST and slug not in reserved:
        return slug
    suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX))
    return f"{slug or fallback}-{suffix}"


def _cut(slug: str, length: int) -> str:
    """Return a slug that is not too long. It ends with a whole word, unless the first word is too long."""
    if len(slug) <= length:
        return slug
    words, _, _ = slug[: length + 1].rpartition("-")
    return words or slug[:length]
