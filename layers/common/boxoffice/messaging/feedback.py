"""What SES tells of the emails that it has taken: they came back, or a reader has complained.

SES tells it some time later, or at once; more than once, or in another order than it happened. So each statement here
commits on its own, and what is told again changes nothing.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from boxoffice import db, sql
from boxoffice.ids import new_id
from boxoffice.messaging.errors import NotFeedback
from boxoffice.messaging.models import FeedbackOnEmail
from boxoffice.observability import count

SQL = sql.queries("messaging")

TAG = "outbox_id"
"""The tag by which an email names its message of the outbox. SES sends the tags of an email back with what it tells."""

_LONGEST_DETAIL = 500
_NO_COMPLAINTS = {"not-spam", "auth-failure"}
"""Kinds of feedback by which no reader complains (RFC 5965, RFC 6430, RFC 6591)."""


class _Mail(BaseModel):
    destination: list[str]
    tags: dict[str, list[str]] = Field(default_factory=dict)


class _Recipient(BaseModel):
    action: str | None = None
    diagnostic: str = Field(default="", alias="diagnosticCode")


class _Bounce(BaseModel):
    kind: str = Field(alias="bounceType")
    subkind: str = Field(alias="bounceSubType")
    recipients: list[_Recipient] = Field(alias="bouncedRecipients")
    timestamp: AwareDatetime


class _Complaint(BaseModel):
    kind: str | None = Field(default=None, alias="complaintFeedbackType")
    timestamp: AwareDatetime


class _BounceEvent(BaseModel):
    event: Literal["Bounce"] = Field(alias="eventType")
    mail: _Mail
    bounce: _Bounce


class _ComplaintEvent(BaseModel):
    event: Literal["Complaint"] = Field(alias="eventType")
    mail: _Mail
    complaint: _Complaint


class _AnyEvent(BaseModel):
    event: str = Field(alias="eventType")


def receive(conn: db.Connection, record: str) -> int:
    """Record what SES tells of an email, and return 1 if it matters, else 0. Runs in autocommit.

    Raises:
        NotFeedback: the record belongs to the dead letters.
    """
    told = read(record)
    if told is None:
        return 0
    if told.is_for_good:
        for address in told.addresses:
            facts = {"reason": told.outcome, "detail": told.detail, "at": told.at}
            db.run(conn, SQL.suppress_address, id=new_id(), address=address, **facts)
    if told.message_id is not None:
        db.run(conn, SQL.set_feedback, id=told.message_id, feedback=told.outcome, detail=told.detail)
    count("EmailsBounced" if told.outcome == "bounced" else "EmailsComplained")
    return 1


def read(record: str) -> FeedbackOnEmail | None:
    """Return what an event of SES tells. None if it is of another kind, or says nothing of the address.

    Raises:
        NotFeedback: it is no event of SES.
    """
    try:
        match _AnyEvent.model_validate_json(record).event:
            case "Bounce":
                event = _BounceEvent.model_validate_json(record)
                return _bounced(event.mail, event.bounce)
            case "Complaint":
                complaint = _ComplaintEvent.model_validate_json(record)
                return _complained(complaint.mail, complaint.complaint)
    except ValidationError as error:
        raise NotFeedback("the record is no event of SES") from error
    return None


def _bounced(mail: _Mail, bounce: _Bounce) -> FeedbackOnEmail | None:
    """Return that an email came back.

    A holiday notice reaches SES like a bounce, but has no delivery status that says `failed`.
    """
    is_for_good = bounce.kind == "Permanent"
    if not is_for_good and all(each.action != "failed" for each in bounce.recipients):
        return None
    said = "; ".join(each.diagnostic for each in bounce.recipients if each.diagnostic)
    detail = f"{bounce.kind}, {bounce.subkind}" + (f": {said}" if said else "")
    return _feedback(mail, "bounced", is_for_good=is_for_good, detail=detail, at=bounce.timestamp)


def _complained(mail: _Mail, complaint: _Complaint) -> FeedbackOnEmail | None:
    """Return that a reader has complained."""
    if complaint.kind in _NO_COMPLAINTS:
        return None
    return _feedback(mail, "complained", is_for_good=True, detail=complaint.kind or "", at=complaint.timestamp)


def _feedback(
    mail: _Mail, outcome: Literal["bounced", "complained"], *, is_for_good: bool, detail: str, at: AwareDatetime
) -> FeedbackOnEmail:
    plain = detail.replace("\0", "")[:_LONGEST_DETAIL]
    addresses = [address.lower() for address in mail.destination] if len(mail.destination) == 1 else []  # as ours
    return FeedbackOnEmail(_message_id_of(mail), addresses, outcome, is_for_good, plain, at)


def _message_id_of(mail: _Mail) -> UUID | None:
    """Return the id of the message that an email was made of. None if somebody else has sent the email."""
    try:
        return UUID(mail.tags[TAG][0])
    except (KeyError, IndexError, ValueError):
        return None
