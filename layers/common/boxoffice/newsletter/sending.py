"""Write the emails of the issues of newsletters, and count what becomes of them (see `boxoffice.mailings`).

An issue reaches its readers in the order in which they have confirmed. Who unsubscribes before their email is sent gets
none: its writer looks again.
"""

from collections.abc import Collection
from uuid import UUID

from boxoffice import db, mailings, sql
from boxoffice.newsletter import lists
from boxoffice.newsletter.models import IssueRow, Subscriber

SQL = sql.queries("newsletter")

_BATCH = 200  # readers in a transaction


def list_unfinished(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return issues whose emails are not all written yet, the oldest first.

    Args:
        leave_out: issues that another run has locked, or that the run has tried in vain.
    """
    return db.values(conn, SQL.list_unfinished, leave_out=list(leave_out))


def write_some(conn: db.Connection, issue_id: UUID) -> int:
    """Owe the emails to the next readers, and return 1. Return 0 if another run has the issue.

    That of a seller who was suspended since is withdrawn.
    """
    issue = db.one(conn, IssueRow, SQL.take_issue, id=issue_id)
    if issue is None:
        return 0
    if not lists.get(conn, issue.organisation_id).is_approved:
        db.run(conn, SQL.set_withdrawn, id=issue_id)
        return 1
    key = {"after_at": issue.last_confirmed_at, "after": issue.last_subscription_id, "until": issue.created_at}
    readers = db.page(conn, Subscriber, SQL.list_subscribers, list_id=issue.list_id, limit=_BATCH, **key)
    if not readers:
        db.run(conn, SQL.set_finished, id=issue_id)
        return 1
    new = mailings.owe(conn, "newsletter", issue_id, ((each.email, _payload(issue, each)) for each in readers))
    last = readers[-1]
    progress = {"last_confirmed_at": last.confirmed_at, "last_subscription_id": last.id, "new": new}
    db.run(conn, SQL.set_written, id=issue_id, **progress)
    return 1


def list_to_tally(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[UUID]:
    """Return issues whose emails are to be counted again.

    Args:
        leave_out: issues that the run has tried in vain.
    """
    return db.values(conn, SQL.list_to_tally, leave_out=list(leave_out))


def tally(conn: db.Connection, issue_id: UUID) -> int:
    """Count the emails of an issue and who has unsubscribed since, and return 1."""
    return db.run(conn, SQL.set_tally, id=issue_id)


def _payload(issue: IssueRow, reader: Subscriber) -> dict[str, str]:
    ids = {"issue_id": str(issue.id), "subscription_id": str(reader.id)}
    return ids | {"locale": reader.locale} if reader.locale else ids
