"""Emails that go to many at once: what managers announce to buyers and holders, and the issues of newsletters.

A job owes them some at a time, and notes in the same transaction how far it has come. So it may die anywhere. The id of
an email follows from the mailing and the mailbox. So nobody gets two, however often a run begins again.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from pydantic import Field

from boxoffice import db, outbox
from boxoffice.erased import is_erased
from boxoffice.ids import derived_id
from boxoffice.mailboxes import mailbox_of
from boxoffice.models import View


class MailingCounts(View):
    """How far a mailing has come, and what has become of its emails."""

    expected: int = Field(description="How many recipients there were when it was sent")
    recipients: int = Field(description="To how many an email is written so far. Each mailbox counts once")
    waiting: int = Field(description="How many of these emails wait to be sent. This and what follows is a moment old")
    sent: int = Field(description="How many the mail service has taken, with those that came back later")
    bounced: int = Field(description="How many came back")
    complained: int = Field(description="How many readers have called it spam")
    suppressed: int = Field(description="How many were not sent, since nobody writes to the address any more")
    failed: int = Field(description="How many could not be sent")


def message_id_of(template: str, mailing_id: UUID, email: str) -> UUID:
    """Return the id of the email by which a mailbox gets a mailing."""
    return derived_id(template, mailing_id, mailbox_of(email))


def owe(conn: db.Connection, template: str, mailing_id: UUID, emails: Iterable[tuple[str, Mapping[str, str]]]) -> int:
    """Owe the emails of a mailing, each as its address and its payload. Return how many are new.

    A mailbox gets the first of those that it has. An erased address gets none.
    """
    first: dict[UUID, tuple[str, Mapping[str, str]]] = {}
    for email, payload in emails:
        if not is_erased(email):
            first.setdefault(message_id_of(template, mailing_id, email), (email, payload))
    return outbox.owe_emails(conn, template, [(email, dict(about)) for email, about in first.values()], [*first])
