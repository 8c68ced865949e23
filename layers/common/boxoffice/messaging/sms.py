"""The text messages of all domains: writes the one that a message names."""

from collections.abc import Callable

from boxoffice import db
from boxoffice.accounts import sms as accounts
from boxoffice.languages import written_in
from boxoffice.messaging import service
from boxoffice.messaging.errors import UnknownTemplate
from boxoffice.messaging.models import Message, Sms

WRITERS: dict[str, Callable[..., str]] = {writer.__name__: writer for domain in (accounts,) for writer in domain.TEXTS}


def compose(conn: db.Connection, message: Message) -> Sms:
    """Write the text message of a message.

    Raises:
        NotNeeded: there is nothing to say any more.
        UnknownTemplate: no domain has a text message of this name.
    """
    write = WRITERS.get(message.template)
    if write is None:
        raise UnknownTemplate(message.template)
    with written_in(service.find_locale(conn, message)):
        return Sms(message.recipient, write(conn, **message.facts))
