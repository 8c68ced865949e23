"""Use cases of readers: subscribe, confirm and unsubscribe. And of senders, who list the subscriptions.

Whoever subscribes names an address that may be another's. So nothing of it is kept but a link that they must open, and
no answer and no email tells whether an address has subscribed before. A mailbox has one row of a list, ever. Once it
has unsubscribed, that row knows only the MAC of the mailbox. To confirm again takes the same row.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from boxoffice import db, one_time, outbox, sql
from boxoffice.accounts.errors import LinkOver
from boxoffice.auth import Caller, require_own
from boxoffice.config import settings
from boxoffice.erased import mac_of, macs_of
from boxoffice.errors import NotFound
from boxoffice.guest_tokens import subscription_of, subscription_token
from boxoffice.ids import new_id
from boxoffice.mailboxes import mailbox_of
from boxoffice.newsletter import lists
from boxoffice.newsletter.models import (
    ConfirmedSubscription,
    ConfirmedSubscriptionView,
    NewsletterList,
    SubscriptionPage,
    SubscriptionRequest,
    SubscriptionRow,
    SubscriptionStatus,
)
from boxoffice.one_time import Purpose
from boxoffice.pagination import decode_moment_and_id

SQL = sql.queries("newsletter")

LINK_LIFETIME = timedelta(hours=24)


def request_link(conn: db.Connection, caller: Caller, request: SubscriptionRequest) -> None:
    """Send a link to the address that somebody names. Whoever opens it subscribes.

    Raises:
        NotFound: there is no such organisation that sells.
    """
    newsletter = _get_public(conn, caller, request.organisation_id)
    content = request.model_dump(mode="json") | {"locale": request.locale or newsletter.locale}
    token_id = one_time.issue(conn, Purpose.SUBSCRIBE, LINK_LIFETIME, **content)
    outbox.owe_email(conn, "newsletter_confirm", request.email, {"token_id": str(token_id)})


def confirm(conn: db.Connection, caller: Caller, token: str) -> ConfirmedSubscriptionView:
    """Subscribe the address whose link was opened. If it has subscribed before, its consent of then stays.

    Raises:
        LinkOver: the link was used, is over, or was never ours.
        NotFound: the organisation does not sell any more.
    """
    content = one_time.redeem(conn, Purpose.SUBSCRIBE, token)
    if content is None:
        raise LinkOver
    request = SubscriptionRequest.model_validate({name: content[name] for name in SubscriptionRequest.model_fields})
    newsletter = _get_public(conn, caller, request.organisation_id)
    confirmed = _keep(conn, newsletter, request)
    return ConfirmedSubscriptionView(
        organisation_id=newsletter.organisation_id,
        sender=newsletter.name,
        confirmed_at=confirmed.confirmed_at,
        unsubscribe_token=subscription_token(confirmed.id),
    )


def end(conn: db.Connection, caller: Caller, token: str) -> None:
    """End the subscription that a token is of. To end it again changes nothing.

    Raises:
        NotFound: the token is none of ours.
    """
    subscription_id = subscription_of(token)
    if subscription_id is None:
        raise NotFound
    _suppress(conn, [subscription_id], caller)


def page_to_unsubscribe(token: str) -> str:
    """Return the address of the page that asks if the reader wants to unsubscribe. To open it changes nothing.

    Raises:
        NotFound: the token is none of ours, or the deployment has no pages.
    """
    subscription_id = subscription_of(token)
    if subscription_id is None or not settings().public_url:
        raise NotFound
    return f"{settings().public_url}/unsubscribe#token={subscription_token(subscription_id)}"  # ours, not what came


def list_readers(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID | None,
    status: SubscriptionStatus,
    limit: int,
    cursor: str | None,
) -> SubscriptionPage:
    """Return a page of the subscriptions to a newsletter, newest first: who has subscribed, or who has left it.

    Raises:
        NotFound, Forbidden: the caller may not send it.
    """
    lists.require_sender(conn, caller, organisation_id)
    list_id = lists.get(conn, organisation_id).list_id
    before, before_id = decode_moment_and_id(cursor) or (None, None)
    statement = SQL.list_subscribed if status == "subscribed" else SQL.list_unsubscribed
    key = {"before": before, "before_id": before_id, "limit": limit}
    rows = db.search(conn, SubscriptionRow, statement, list_id=list_id, **key)
    return SubscriptionPage.of(rows, limit, lambda row: (row.unsubscribed_at or row.confirmed_at, row.id))


def erase(conn: db.Connection, subscription_ids: Sequence[UUID]) -> int:
    """End subscriptions of somebody who wants to be erased, and return their number. They stay suppressed."""
    return _suppress(conn, subscription_ids)


def _get_public(conn: db.Connection, caller: Caller, organisation_id: UUID | None) -> NewsletterList:
    newsletter = lists.get(conn, organisation_id)
    if not newsletter.is_approved:
        raise NotFound
    require_own(caller, newsletter.list_id)
    return newsletter


def _keep(conn: db.Connection, newsletter: NewsletterList, request: SubscriptionRequest) -> ConfirmedSubscription:
    """Subscribe an address, in the row that its mailbox has in the list or, if it has none, in a new one.

    The new row is made first. So of two who confirm at once, the second waits for the first. And whoever has
    unsubscribed before that is seen by the next statement, so that a mailbox never has two rows.
    """
    consent = {
        "email": request.email,
        "mailbox": mailbox_of(request.email),
        "consent_version": request.consent_version,
        "locale": request.locale,
    }
    organisation_id = newsletter.organisation_id
    confirmed = db.exactly_one(
        conn, ConfirmedSubscription, SQL.insert_subscription, id=new_id(), organisation_id=organisation_id, **consent
    )
    if not confirmed.is_new:
        return confirmed
    macs = macs_of(request.email)
    former = db.value(conn, SQL.lock_former_subscription, list_id=newsletter.list_id, address_macs=macs)
    if former is None:
        return confirmed
    db.run(conn, SQL.delete_subscription, id=confirmed.id)
    return db.exactly_one(conn, ConfirmedSubscription, SQL.subscribe_again, id=former, **consent)


def _suppress(conn: db.Connection, subscription_ids: Sequence[UUID], caller: Caller | None = None) -> int:
    """End subscriptions that are open, and return their number. Of each stays the MAC of its mailbox.

    Raises:
        NotFound: the caller is a key of another organisation.
    """
    rows = db.many(conn, SubscriptionRow, SQL.lock_subscriptions, ids=list(subscription_ids))
    for row in rows:
        if caller is not None and row.organisation_id is not None:
            require_own(caller, row.organisation_id)
    ended = [(row.id, mac_of(row.email)) for row in rows if row.email is not None]
    ids, macs = [row_id for row_id, _ in ended], [mac for _, mac in ended]
    return db.run(conn, SQL.suppress_subscriptions, ids=ids, address_macs=macs)
