"""Text messages about accounts. Each fits into one message of the GSM alphabet, since each part is paid for."""

from urllib.parse import urlsplit
from uuid import UUID

from boxoffice import db
from boxoffice.accounts import phone_codes
from boxoffice.config import settings
from boxoffice.emails import NotNeeded, TooLate

_MOST_CHARACTERS = 160


def phone_code(conn: db.Connection, code_id: str) -> str:
    """Tell a phone its code."""
    code = phone_codes.get_live_code(conn, UUID(code_id))
    if code is None and phone_codes.is_over(conn, UUID(code_id)):
        raise TooLate("the code is over")
    if code is None:
        raise NotNeeded("the code is used, or a newer one has ended it")
    minutes = phone_codes.LIFETIME.seconds // 60
    text = f"{code} is your code for {settings().site[:60]}. It works for {minutes} minutes. Tell it to nobody."
    return _with_origin(text, code)


TEXTS = (phone_code,)


def _with_origin(text: str, code: str) -> str:
    """Add the line by which phones offer a code on the pages of the shop, and on no others.

    Browsers read it: https://wicg.github.io/sms-one-time-codes/
    """
    address = urlsplit(settings().public_url)
    with_line = f"{text}\n\n@{address.hostname} #{code}"
    return with_line if address.scheme == "https" and len(with_line) <= _MOST_CHARACTERS else text
