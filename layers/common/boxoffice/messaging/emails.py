"""The emails of all domains: writes the one that a message names."""

from collections.abc import Callable
from datetime import UTC, datetime

from boxoffice import db
from boxoffice.accounts import emails as accounts
from boxoffice.announcements import emails as announcements
from boxoffice.api_keys import emails as api_keys
from boxoffice.config import settings
from boxoffice.emails import Content, NotNeeded
from boxoffice.erased import is_erased
from boxoffice.languages import written_in
from boxoffice.messaging import service
from boxoffice.messaging.errors import Suppressed, UnknownTemplate
from boxoffice.messaging.mime import email_of
from boxoffice.messaging.models import Email, Message, Recipient
from boxoffice.newsletter import emails as newsletter
from boxoffice.orders import emails as orders
from boxoffice.organisations import emails as organisations
from boxoffice.payments import emails as payments
from boxoffice.payouts import emails as payouts
from boxoffice.privacy import emails as privacy
from boxoffice.refunds import emails as refunds
from boxoffice.tickets import emails as tickets
from boxoffice.waitlist import emails as waitlist
from boxoffice.webhooks import emails as webhooks

_DOMAINS = (
    accounts,
    announcements,
    api_keys,
    newsletter,
    orders,
    organisations,
    payments,
    payouts,
    privacy,
    refunds,
    tickets,
    waitlist,
    webhooks,
)
WRITERS: dict[str, Callable[..., Content]] = {
    writer.__name__: writer for domain in _DOMAINS for writer in domain.EMAILS
}

_OF_ACCOUNTS = {writer.__name__ for domain in (accounts, api_keys, payouts, privacy) for writer in domain.EMAILS}


def compose(conn: db.Connection, message: Message) -> Email:
    """Write the email of a message.

    Raises:
        NotNeeded: there is nothing to say any more.
        Suppressed: nobody writes to the address any more.
        UnknownTemplate: no domain has an email of this name.
        LookupError: the order, ticket or other row that the email is about does not exist.
        ValueError, HeaderParseError: SES cannot deliver to the recipient.
    """
    write = WRITERS.get(message.template)
    if write is None:
        raise UnknownTemplate(message.template)
    with written_in(service.find_locale(conn, message)):
        content = write(conn, **message.facts)
    found = service.find_recipient(conn, message)
    if not found.recipient or is_erased(found.recipient):
        raise NotNeeded("the recipient was erased")
    _check_suppression(message, found)
    return email_of(message.id, found.recipient, content, settings().email_sender, datetime.now(UTC))


def _check_suppression(message: Message, found: Recipient) -> None:
    """Refuse to write where nobody writes any more.

    Whoever has called an email spam still gets what keeps an account safe. They ask for most of that themselves.

    Raises:
        Suppressed: the address is suppressed.
    """
    if found.suppressed == "bounced":
        raise Suppressed("an earlier email to the address came back for good")
    if found.suppressed == "complained" and message.template not in _OF_ACCOUNTS:
        raise Suppressed("the reader has complained of an earlier email")
