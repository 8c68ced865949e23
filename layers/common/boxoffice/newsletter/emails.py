"""The emails of newsletters: the link that confirms an address, and the issues."""

from dataclasses import replace
from uuid import UUID

from markupsafe import Markup

from boxoffice import db, one_time, sql
from boxoffice.config import settings
from boxoffice.emails import Content, NotNeeded, page_link, write
from boxoffice.guest_tokens import subscription_token
from boxoffice.languages import gettext
from boxoffice.markdown import html_of
from boxoffice.newsletter import lists
from boxoffice.newsletter.models import IssueRow, NewsletterList
from boxoffice.one_time import Purpose
from boxoffice.times import in_utc

SQL = sql.queries("newsletter")


def newsletter_confirm(conn: db.Connection, token_id: str) -> Content:
    """Ask whoever reads an address if they want a newsletter, with a link that subscribes them.

    Anybody can name the address. So the email has none of their words.
    """
    token = one_time.get(conn, Purpose.SUBSCRIBE, UUID(token_id))
    if token is None:
        raise NotNeeded("the link is over or used")
    organisation_id = token.payload["organisation_id"]
    newsletter = lists.get(conn, UUID(organisation_id) if organisation_id else None)
    presented = one_time.token_of(Purpose.SUBSCRIBE, token.id)
    facts = {
        "name": newsletter.name,
        "expires": in_utc(token.expires_at),
        "token": presented,
        "link": page_link("confirm-subscription", presented),
    }
    subject = gettext("Do you want this newsletter?")
    return write("newsletter_confirm", subject, facts, seller=newsletter.sender)


def newsletter(conn: db.Connection, issue_id: str, subscription_id: str) -> Content:
    """Write an issue to somebody who has subscribed. Its headers let mail programs unsubscribe them (RFC 8058).

    Raises:
        NotNeeded: the issue was withdrawn, its sender is suspended, or the reader has unsubscribed.
    """
    issue = db.exactly_one(conn, IssueRow, SQL.get_issue, id=UUID(issue_id))
    sender = lists.get(conn, issue.organisation_id)
    if issue.withdrawn_at is not None or not sender.is_approved:
        raise NotNeeded("the newsletter was withdrawn, or its sender is suspended")
    if db.value(conn, SQL.is_subscribed, id=UUID(subscription_id), list_id=issue.list_id) is None:
        raise NotNeeded("the reader has unsubscribed")
    token = subscription_token(UUID(subscription_id))
    content = _write(sender, issue.subject, issue.body, page_link("unsubscribe", token))
    address = f"{settings().api_url}/v1/newsletter/subscriptions/unsubscribe?token={token}"
    return replace(content, unsubscribe_url=address)


def newsletter_sample(conn: db.Connection, subject: str, body: str, organisation_id: str | None = None) -> Content:
    """Write an issue to the sender who wants to see it first."""
    return sample_of(lists.get(conn, UUID(organisation_id) if organisation_id else None), subject, body)


def sample_of(sender: NewsletterList, subject: str, body: str) -> Content:
    """Write an issue as a reader would get it, but with a link that unsubscribes nobody."""
    return _write(sender, subject, body, page_link("unsubscribe"))


EMAILS = (newsletter_confirm, newsletter, newsletter_sample)


def _write(sender: NewsletterList, subject: str, body: str, link: str | None) -> Content:
    facts = {
        "name": sender.name,
        "body": Markup(html_of(body)),  # noqa: S704 - it is sanitised
        "postal_address": (sender.postal_address or "").split("\n"),
        "link": link,
    }
    return write("newsletter", subject, facts, seller=sender.sender)
