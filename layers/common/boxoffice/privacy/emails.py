"""Emails about personal data."""

from uuid import UUID

from boxoffice import db, one_time
from boxoffice.config import settings
from boxoffice.emails import Content, NotNeeded, page_link, write
from boxoffice.languages import gettext
from boxoffice.one_time import Purpose


def personal_data(conn: db.Connection, token_id: str) -> Content:
    """Write to an address whose data somebody has asked for: here is the link that shows and erases it."""
    token = one_time.get(conn, Purpose.PERSONAL_DATA, UUID(token_id))
    if token is None:
        raise NotNeeded("the link is over")
    text = one_time.token_of(Purpose.PERSONAL_DATA, token.id)
    facts = {"site": settings().site, "link": page_link("personal-data", text), "token": text}
    return write("personal_data", gettext("Your personal data"), facts)


def account_erased(_: db.Connection, erasure_id: str) -> Content:
    """Write to the address that an account had: it is closed, and its data is being erased."""
    return write(
        "account_erased", gettext("Your account has been closed"), {"site": settings().site, "number": erasure_id}
    )


EMAILS = (personal_data, account_erased)
