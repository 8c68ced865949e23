"""The email about a webhook endpoint."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.emails import Content, NotNeeded, write
from boxoffice.languages import gettext
from boxoffice.times import in_utc
from boxoffice.webhooks.models import DisabledReason

SQL = sql.queries("webhooks")


@dataclass(frozen=True)
class EmailEndpoint:
    """What an email says of an endpoint."""

    url: str
    description: str
    disabled_at: datetime | None
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    organisation_name: str


def webhook_endpoint_disabled(conn: db.Connection, endpoint_id: str) -> Content:
    """Tell an owner that an endpoint gets no more webhooks."""
    endpoint = db.one(conn, EmailEndpoint, SQL.get_endpoint_for_email, id=UUID(endpoint_id))
    if endpoint is None or endpoint.disabled_at is None or endpoint.disabled_reason not in ("gone", "failing"):
        raise NotNeeded("the endpoint is enabled again, or deleted")
    since = in_utc(endpoint.failing_since) if endpoint.failing_since else None
    subject = gettext("Your webhooks were stopped")
    return write("webhook_endpoint_disabled", subject, {"endpoint": endpoint, "since": since})


EMAILS = (webhook_endpoint_disabled,)
