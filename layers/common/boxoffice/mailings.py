"""Emails that go to many at once: what managers announce to buyers and holders, and the issues of newsletters.

A job owes them some at a time, and notes in the same transaction how far it has come. So it may die anywhere. The id of
an email follows from the mailing and the mailbox. So nobody gets two, however often a run begins again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from boxoffice import db, outbox
from boxoffice.erased import is_erased
from boxoffice.ids import derived_id
from boxoffice.mailboxes import mailbox_of
from boxoffice.models import Id, View

type MailingStatus = Literal["sending", "sent", "withdrawn"]

SendToMe = Annotated[bool, Field(strict=True, description="Send the email to your own address, to see how it looks")]


@dataclass(frozen=True)
class Reach:
    """How many a mailing would reach now.

    Attributes:
        suppressed: how many of them nobody writes to any more.
    """

    recipients: int
    suppressed: int


class MailingPreview(View):
    """What a mailing would be."""

    recipients: int = Field(description="How many would get the email now")
    suppressed: int = Field(description="How many of them nobody writes to any more, so that they would not get it")
    subject: str
    text: str
    html: str
    sent_to: str | None = Field(description="Your address, if the email was sent there")


class MailingView(View):
    """A mailing: how far it has come, and what has become of its emails."""

    id: Id
    subject: str
    body: str
    status: MailingStatus = Field(description="`sending` until all emails are written")
    created_at: datetime
    finished_at: datetime | None = Field(description="When the last email was written")
    withdrawn_at: datetime | None
    expected: int = Field(description="How many recipients there were when it was sent")
    recipients: int = Field(description="To how many an email is written so far. Each mailbox counts once")
    waiting: int = Field(description="How many of these emails wait to be sent. This and what follows is a moment old")
    sent: int = Field(description="How many the mail service has taken, with those that came back later")
    bounced: int = Field(description="How many came back")
    complained: int = Field(description="How many readers have called it spam")
    suppressed: int = Field(description="How many were not sent, since nobody writes to the address any more")
    failed: int = Field(description="How many could not be sent")


@dataclass(frozen=True, kw_only=True)
class MailingRow:
    """A mailing as the database stores it."""

    id: UUID
    subject: str
    body: str
    created_at: datetime
    finished_at: datetime | None
    withdrawn_at: datetime | None
    expected: int
    recipients: int
    waiting: int
    sent: int
    bounced: int
    complained: int
    suppressed: int
    failed: int

    @property
    def status(self) -> MailingStatus:
        """Return how it stands."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        return "sending" if self.finished_at is None else "sent"


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
