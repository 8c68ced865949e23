"""Text messages about accounts. Each fits into one message of the GSM alphabet, since each part is paid for."""

from urllib.parse import urlsplit
from uuid import UUID

from boxoffice import db
from boxoffice.accounts import phone_codes
from boxoffice.config import settings
from boxoffice.emails import NotNeeded, TooLate
from boxoffice.languages import gettext

_MOST_CHARACTERS = 160


def phone_code(conn: db.Connection, code_id: str) -> str:
    """Tell a phone its code."""
    code = phone_codes.get_live_code(conn, UUID(code_id))
    if code is None and phone_codes.is_over(conn, UUID(code_id)):
        raise TooLate("the code is over")
    if code is None:
        raise NotNeeded("the code is used, or a newer one has ended it")
    text = gettext(
        # NOTE: At most 86 characters beside the name, of the GSM alphabet: no ê, ç, ã, ẹ and the like.
        "%(code)s is your code for %(site)s. It works for %(minutes)s minutes. Tell it to nobody.",
        code=code,
        site=settings().site[:60],
        minutes=phone_codes.LIFETIME.seconds // 60,
    )
    return _with_origin(text, code)


TEXTS = (phone_code,)


def _with_origin(text: str, code: str) -> str:
    """Add the line by which phones offer a code on the pages of the shop, and on no others.

    Browsers read it: https://wicg.github.io/sms-one-time-codes/
    """
    address = urlsplit(settings().public_url)
    with_line = f"{text}\n\n@{address.hostname} #{code}"
    return with_line if address.scheme == "https" and len(with_line) <= _MOST_CHARACTERS else text
