"""Use cases of senders: preview an issue of a newsletter, send, list and withdraw it. `sending` writes the emails."""

from uuid import UUID

from boxoffice import audit, db, idempotency, outbox, platform_settings, rate_limit, sql
from boxoffice.accounts.service import get_proven_email
from boxoffice.auth import Caller
from boxoffice.idempotency import IdempotentRequest
from boxoffice.ids import new_id
from boxoffice.mailings import Reach
from boxoffice.newsletter import emails, lists
from boxoffice.newsletter.errors import NoSubscribers
from boxoffice.newsletter.models import (
    IssueRow,
    NewsletterPage,
    NewsletterPreview,
    NewsletterPreviewRequest,
    NewsletterRequest,
    NewsletterView,
)
from boxoffice.pagination import LAST_ID, decode_id

SQL = sql.queries("newsletter")


def preview(conn: db.Connection, caller: Caller, request: NewsletterPreviewRequest) -> NewsletterPreview:
    """Return whom an issue would reach and how it looks. If the caller wants that, send it to their own address.

    Raises:
        NotFound, Forbidden: the newsletter is not the caller's.
        NOT_SENDABLE: nobody may send it now.
        NoEmail, EmailNotVerified: the caller's account has no address, or nobody has proven to read it.
    """
    newsletter = lists.open_to_send(conn, caller, request.organisation_id)
    reached = _count(conn, newsletter.list_id)
    sample = emails.sample_of(newsletter, request.subject, request.body)
    sent_to = _send_to_caller(conn, caller, request) if request.send_to_me else None
    organisation, subject = newsletter.organisation_id, f"newsletter {newsletter.list_id}"
    audit.record(conn, caller, "preview_newsletter", subject, organisation=organisation, sent=request.send_to_me)
    return NewsletterPreview(
        **vars(reached), subject=sample.subject, text=sample.text, html=sample.html, sent_to=sent_to
    )


def send(conn: db.Connection, caller: Caller, request: NewsletterRequest, key: str) -> NewsletterView:
    """Send an issue to whoever has subscribed by now. A job writes the emails. Runs in autocommit.

    Raises:
        NotFound, Forbidden: the newsletter is not the caller's.
        NOT_SENDABLE: nobody may send it now.
        NoSubscribers: nobody would get it.
        TooManyRequests: as many issues as the settings allow were sent in the day before.
        KeyReused: the idempotency key belongs to another request.
    """
    lists.require_sender(conn, caller, request.organisation_id)
    scope = idempotency.scope_of(caller, request.organisation_id or audit.PLATFORM_CHAIN)
    idempotent = IdempotentRequest.of("send_newsletter", scope, key, request)
    return idempotency.run_once(
        conn, idempotent, lambda: _send(conn, caller, request, idempotent), NewsletterView.model_validate
    )


def list_issues(
    conn: db.Connection, caller: Caller, organisation_id: UUID | None, limit: int, cursor: str | None
) -> NewsletterPage:
    """Return a page of the issues of a newsletter, newest first.

    Raises:
        NotFound, Forbidden: the newsletter is not the caller's.
    """
    lists.require_sender(conn, caller, organisation_id)
    list_id, before = lists.get(conn, organisation_id).list_id, decode_id(cursor) or LAST_ID
    rows = db.page(conn, IssueRow, SQL.list_issues, list_id=list_id, before=before, limit=limit)
    return NewsletterPage.of(rows, limit)


def withdraw(conn: db.Connection, caller: Caller, issue_id: UUID) -> NewsletterView:
    """Stop an issue: whoever has not got it yet, gets none. To withdraw it again changes nothing.

    Raises:
        NotFound, Forbidden: the newsletter is not the caller's.
    """
    issue = db.get(conn, dict, SQL.lock_issue, id=issue_id)
    lists.require_sender(conn, caller, issue["organisation_id"])
    if issue["withdrawn_at"] is None:
        db.run(conn, SQL.set_withdrawn, id=issue_id)
        organisation = issue["organisation_id"]
        audit.record(conn, caller, "withdraw_newsletter", f"issue {issue_id}", organisation=organisation)
    return _view(conn, issue_id)


def _send(
    conn: db.Connection, caller: Caller, request: NewsletterRequest, idempotent: IdempotentRequest
) -> NewsletterView:
    issue_id = new_id()
    with conn.transaction():
        newsletter = lists.open_to_send(conn, caller, request.organisation_id)
        expected = _count(conn, newsletter.list_id).recipients
        if expected == 0:
            raise NoSubscribers
        content = request.model_dump()
        db.run(conn, SQL.insert_issue, id=issue_id, sent_by=caller.account, expected=expected, **content)
        view = _view(conn, issue_id)
        idempotency.store(conn, idempotent, view.model_dump(mode="json"))
        organisation, subject = newsletter.organisation_id, f"issue {issue_id}"
        audit.record(conn, caller, "send_newsletter", subject, organisation=organisation, expected=expected)
        rate_limit.limit_newsletters(newsletter.list_id, platform_settings.current(conn).newsletters_per_day)
    return view


def _count(conn: db.Connection, list_id: UUID) -> Reach:
    """Return how many an issue would reach now."""
    return db.exactly_one(conn, Reach, SQL.count_subscribers, list_id=list_id)


def _send_to_caller(conn: db.Connection, caller: Caller, request: NewsletterRequest) -> str:
    """Owe the email to the caller's own address, and return that."""
    email = get_proven_email(conn, caller)
    content = request.model_dump(mode="json", exclude={"send_to_me"}, exclude_none=True)
    outbox.owe_email(conn, "newsletter_sample", email, content)
    return email


def _view(conn: db.Connection, issue_id: UUID) -> NewsletterView:
    return NewsletterView.model_validate(db.exactly_one(conn, IssueRow, SQL.get_issue, id=issue_id))
