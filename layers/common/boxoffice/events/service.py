"""Use cases of events."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from boxoffice import audit, challenges, db, outbox, rate_limit, sql
from boxoffice.auth import Caller, require_event, require_role, role_of
from boxoffice.config import settings
from boxoffice.errors import Moved, NotFound
from boxoffice.events import moves, rules
from boxoffice.events.errors import EventSlugTaken
from boxoffice.events.models import (
    AvailabilityView,
    CancelEventRequest,
    CapacityAvailability,
    EventFilters,
    EventPage,
    EventPatch,
    EventRequest,
    EventRow,
    EventSale,
    EventSummary,
    EventView,
    Facets,
    FacetsView,
    FoundEvent,
    ListedEvent,
    TicketTypeAvailability,
)
from boxoffice.ids import new_id
from boxoffice.media import service as media
from boxoffice.models import ChallengeView
from boxoffice.names import key_of
from boxoffice.pagination import decode_moment_and_id, page_of
from boxoffice.provider_names import startable
from boxoffice.questions import rules as questions
from boxoffice.stock import service as stock
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.models import TicketTypeRow, TicketTypeView
from boxoffice.ticket_types.rules import check_editable
from boxoffice.versions import check_version
from boxoffice.waitlist import service as waitlist

SQL = sql.queries("events")

_dumps = partial(json.dumps, default=str)  # ids are written as text


def list_events(
    conn: db.Connection, caller: Caller, filters: EventFilters, limit: int, cursor: str | None
) -> EventPage:
    """Return a page of the published events, earliest first.

    Excludes events that ended before `since` (default: now). A member who filters by their own organisation sees its
    drafts too.

    Raises:
        Invalid: `until` is not later than `since`, or the cursor is not ours.
    """
    rules.check_filters(filters)
    since = filters.since or datetime.now(UTC)
    after, after_id = decode_moment_and_id(cursor) or rules.FIRST_KEY
    upcoming_after, upcoming_after_id = rules.upcoming_after(since, (after, after_id))
    organisation_id = filters.organisation_id
    is_strange_key = caller.acts_for not in (None, organisation_id)  # it sees what everybody does
    is_member = organisation_id is not None and not is_strange_key and _is_member(conn, caller, organisation_id)
    rows = db.search(
        conn,
        ListedEvent,
        SQL.list_events,
        search=filters.search,
        category=filters.category,
        city=filters.city,
        organisation_id=filters.organisation_id,
        series_id=filters.series_id,
        since=since,
        until=filters.until,
        include_drafts=is_member,
        after=after,
        after_id=after_id,
        upcoming_after=upcoming_after,
        upcoming_after_id=upcoming_after_id,
        limit=limit,
    )
    return _page(conn, rows, limit)


def list_my_events(conn: db.Connection, caller: Caller, limit: int, cursor: str | None) -> EventPage:
    """Return a page of the events of the organisations that the caller belongs to, the latest start first."""
    before, before_id = decode_moment_and_id(cursor) or rules.LAST_KEY
    key = {"before": before, "before_id": before_id}
    rows = db.page(conn, ListedEvent, SQL.list_my_events, account_id=caller.account, limit=limit, **key)
    return _page(conn, rows, limit)


def _page(conn: db.Connection, rows: list[ListedEvent], limit: int) -> EventPage:
    """Return the page of rows of a statement with ``LIMIT limit + 1``, with how the sale of each event stands."""
    page, next_cursor = page_of(rows, limit, lambda event: (event.starts_at, event.id))
    found = db.many(conn, EventSale, SQL.list_sales, event_ids=[event.id for event in page]) if page else []
    sales = {sale.event_id: vars(sale) for sale in found}
    items = [EventSummary(**vars(event), image=event.image, venue=event.venue, **sales[event.id]) for event in page]
    return EventPage(items=items, next_cursor=next_cursor)


def get_facets(conn: db.Connection) -> FacetsView:
    """Return the categories and cities of the events that `list_events` lists without filters, as of minutes ago."""
    facets = db.exactly_one(conn, Facets, SQL.get_facets)
    if facets.is_old and db.run(conn, SQL.take_facets):
        facets = db.exactly_one(conn, Facets, SQL.get_facets)
    return FacetsView.model_validate(facets)


def find_event(conn: db.Connection, caller: Caller, organisation_slug: str, slug: str) -> EventView:
    """Return an event by the slugs of its organisation and its own.

    Raises:
        NotFound: there is no such event, or it is a draft and the caller is no member.
        Moved: the slug is a former one of the event.
    """
    found = db.get(conn, FoundEvent, SQL.find_event, organisation_slug=organisation_slug, slug=slug)
    event = get_event(conn, caller, found.event_id)
    if found.slug != slug:
        raise Moved(f"/v1/organisations/{found.organisation_slug}/events/{found.slug}")
    return event


def get_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventView:
    """Return an event with its ticket types. Only members see drafts and hidden ticket types.

    Raises:
        NotFound: there is no such event, or it is a draft and the caller is no member.
        OutsideDoorPass: the caller is a device, and its pass is for other events.
    """
    event, types = _find_visible(conn, caller, event_id)
    require_event(caller, event_id)
    return _view(event, types)


def get_availability(conn: db.Connection, caller: Caller, event_id: UUID) -> AvailabilityView:
    """Return how many tickets are available, held and sold, of each ticket type and of the event's own capacity.

    Raises:
        NotFound: there is no such event, or it is a draft and the caller is no member.
    """
    event, types = _find_visible(conn, caller, event_id)
    counts = [
        TicketTypeAvailability(ticket_type_id=row.id, available=row.available, held=row.held, sold=row.sold)
        for row in types
    ]
    return AvailabilityView(event_id=event.id, capacity=_capacity(event), ticket_types=counts)


def create_event(conn: db.Connection, caller: Caller, request: EventRequest) -> EventView:
    """Draft an event with its ticket types.

    Raises:
        NotFound, Forbidden: the organisation or the picture is not the caller's, or the role is too low.
        PictureNotReady: there is no picture yet of the upload.
        Invalid: a question cannot be asked so.
        INVALID_EVENT, INVALID_TICKET_TYPE: the event, or one of its ticket types, contradicts itself. Or nobody could
            pay a price exactly.
        EventSlugTaken: another event of the organisation has the slug, or had it.
        TooManyRequests: two hundred were made in an hour before.
    """
    require_role(conn, caller, request.organisation_id)
    rules.check_end(request.ends_at, datetime.now(UTC))
    event_id = new_id()
    rules.check_challenge(challenges.offered(), asks=request.asks_challenge)
    columns = rules.columns_of(request.model_dump(exclude={"ticket_types", "capacity"}))
    rules.check_gates(columns["gates"], [])  # no gate, and no question, can name a ticket type that has no id yet
    columns["form"] = questions.merged_form(None, columns)
    rules.check_questions(columns["form"], [])
    media.replace_picture(conn, request.organisation_id, None, request.image_id)
    pool_id = None if request.capacity is None else stock.create_pool(conn, request.capacity)
    columns["slug"] = _take_slug(conn, request.organisation_id, event_id, request.title, request.slug)
    db.run(conn, SQL.insert_event, id=event_id, capacity_pool_id=pool_id, **_with_json(columns))
    ids = sorted(new_id() for _ in request.ticket_types)  # ticket types are shown in the order of their ids
    for ticket_type_id, ticket_type in zip(ids, request.ticket_types, strict=True):
        ticket_types.insert(conn, ticket_type_id, event_id, ticket_type, request.currency)
    event, types = find_row(conn, event_id), ticket_types.list_of_event(conn, event_id)
    _record(conn, caller, "create_event", event, title=event.title)
    rate_limit.limit_making(conn, caller, event.organisation_id, "events")
    return _view(event, types)


def update_event(
    conn: db.Connection, caller: Caller, event_id: UUID, patch: EventPatch, expected_version: int | None
) -> EventView:
    """Change some of an event's fields. If that moves it, a job tells its holders (`boxoffice.orders.moved_events`).

    Raises:
        NotFound, Forbidden: the event or the picture is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventCancelled: it is cancelled.
        PictureNotReady: there is no picture yet of the upload.
        CurrencyFixed: it was published in another currency.
        GatesInUse: a door pass names a gate that it would no longer have.
        INVALID_EVENT: the event would contradict itself.
        AmountOffStep: nobody could pay a price or a fixed discount exactly in the new currency.
        QuantityTooLow: more than the new capacity is sold or held.
        CapacityNotSettable: it had no capacity so far, and tickets are sold or held.
        EventSlugTaken: another event of the organisation has the slug, or had it.
    """
    event = lock_event(conn, caller, event_id)
    check_version(event.version, expected_version)
    check_editable(event.id, event.status)
    changes = rules.columns_of(patch.changes())
    tells = changes.pop("tell_holders", True)
    if patch.questions is not None:  # whole ones, with what they leave out
        changes["questions"] = [question.model_dump() for question in patch.questions]
    if "holders" in changes or "questions" in changes:
        changes["form"] = questions.merged_form(event.form, changes)
    changed = {*changes}
    rules.check_changes(event, changes, datetime.now(UTC))
    rules.check_challenge(challenges.offered(), asks=changes.get("asks_challenge", False))
    if changes.get("currency", event.currency) != event.currency:
        rules.check_amounts(db.many(conn, dict, SQL.list_amounts, id=event_id), changes["currency"])
    _check_parts(conn, event, changes)
    media.replace_picture(conn, event.organisation_id, event.image_id, changes.get("image_id", event.image_id))
    if changes.get("slug", event.slug) != event.slug:
        _give_slug(conn, event.organisation_id, event_id, changes["slug"])
    if "capacity" in changes:
        changes["capacity_pool_id"] = _set_capacity(conn, event, changes.pop("capacity"))
    db.run(conn, SQL.update_event, **_with_json(vars(event) | changes))
    if "capacity_pool_id" in changes:
        waitlist.offer_stock_of_event(conn, event_id)
    updated, types = find_row(conn, event_id), ticket_types.list_of_event(conn, event_id)
    facts = audit.changes(event, updated, only=changed)
    if moves.is_moved(event, updated):
        facts["tell_holders"] = tells
        if tells:
            moves.record(conn, event, updated)
    _tell_listeners(conn, updated, [*facts["after"]])
    _record(conn, caller, "update_event", updated, **facts)
    return _view(updated, types)


def publish_event(
    conn: db.Connection, caller: Caller, event_id: UUID, expected_version: int | None = None
) -> EventView:
    """Show a draft to the public and start to sell it. To publish a published event changes nothing.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventCancelled, OrganisationNotApproved, EventEnded, NoTicketTypes: it cannot be published.
    """
    event = lock_event(conn, caller, event_id)
    types = ticket_types.list_of_event(conn, event_id)
    if event.status == "published":
        return _view(event, types)
    check_version(event.version, expected_version)
    rules.check_publishable(event, types, datetime.now(UTC))
    db.run(conn, SQL.publish_event, id=event_id)
    published = find_row(conn, event_id)
    _owe_webhook(conn, "event.published", published)
    _record(conn, caller, "publish_event", published, **audit.changes(event, published, only=["status"]))
    return _view(published, types)


def cancel_event(
    conn: db.Connection,
    caller: Caller,
    event_id: UUID,
    request: CancelEventRequest,
    expected_version: int | None = None,
) -> EventView:
    """Cancel a published event. Nobody can buy its tickets from now on. To cancel a cancelled event changes nothing.

    A job refunds its orders afterwards, one by one (`boxoffice.refunds`).

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        EventNotPublished: it is a draft.
    """
    event = lock_event(conn, caller, event_id)
    types = ticket_types.list_of_event(conn, event_id)
    if event.status == "cancelled":
        return _view(event, types)
    check_version(event.version, expected_version)
    rules.check_cancellable(event)
    db.run(conn, SQL.cancel_event, id=event_id, actor_id=caller.actor, reason=request.reason)
    cancelled = find_row(conn, event_id)
    _owe_webhook(conn, "event.cancelled", cancelled, reason=request.reason)
    change = audit.changes(event, cancelled, only=["status"])
    _record(conn, caller, "cancel_event", cancelled, reason=request.reason, **change)
    return _view(cancelled, types)


def finish_cancellation(conn: db.Connection, event_id: UUID, cancelled_before: datetime) -> bool:
    """Note that all orders of a cancelled event are refunded. Return True if it was cancelled before that time."""
    return bool(db.run(conn, SQL.finish_cancellation, id=event_id, cancelled_before=cancelled_before))


def delete_event(conn: db.Connection, caller: Caller, event_id: UUID, expected_version: int | None = None) -> None:
    """Delete an event with its ticket types.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
        StaleVersion: it has another version than expected.
        TicketsTaken: some of its tickets are sold or held.
    """
    event = lock_event(conn, caller, event_id)
    check_version(event.version, expected_version)
    media.replace_picture(conn, event.organisation_id, event.image_id, None)
    ticket_types.delete_all(conn, event_id)
    db.run(conn, SQL.delete_event, id=event_id)
    _owe_webhook(conn, "event.deleted", event)
    _record(conn, caller, "delete_event", event, title=event.title, status=event.status)


def _check_parts(conn: db.Connection, event: EventRow, changes: Mapping[str, Any]) -> None:
    """Check the new gates and questions of an event, which name some of its ticket types.

    Raises:
        UnknownTicketType, Invalid: one of them names another ticket type, or a question cannot be asked so.
        GatesInUse: a door pass names a gate that the event would no longer have.
    """
    if "gates" in changes:
        rules.check_gates(changes["gates"], ticket_types.list_of_event(conn, event.id))
        named = {"organisation_id": event.organisation_id, "event_id": event.id}
        rules.check_gates_of_passes(event.gates, changes["gates"], db.many(conn, dict, SQL.list_door_passes, **named))
    if "questions" in changes:
        rules.check_questions(changes["form"], ticket_types.list_of_event(conn, event.id))


def _take_slug(conn: db.Connection, organisation_id: UUID, event_id: UUID, title: str, wanted: str | None) -> str:
    """Give a new event the slug that is wanted, or else the first free one of its title, and return it.

    Raises:
        EventSlugTaken: another event of the organisation has the slug that is wanted, or had it.
    """
    if wanted is not None:
        _give_slug(conn, organisation_id, event_id, wanted)
        return wanted
    for attempt in range(rules.SLUG_ATTEMPTS):
        slug = rules.slug_of(title, attempt)
        if insert_slugs(conn, organisation_id, {event_id: slug}):
            return slug
    raise RuntimeError(f"no slug is free for {title}")  # four of them end with random characters


def _give_slug(conn: db.Connection, organisation_id: UUID, event_id: UUID, slug: str) -> None:
    """Give an event a slug that nobody else has or had.

    Raises:
        EventSlugTaken: another event of the organisation has or had it.
    """
    names = {"organisation_id": organisation_id, "slug": slug, "event_id": event_id}
    if not insert_slugs(conn, organisation_id, {event_id: slug}) and not db.value(conn, SQL.has_slug, **names):
        raise EventSlugTaken


def insert_slugs(conn: db.Connection, organisation_id: UUID, slugs: Mapping[UUID, str]) -> set[UUID]:
    """Give events the slugs that are free. Return the events that have got theirs."""
    columns = {"event_ids": list(slugs), "slugs": list(slugs.values())}
    rows = db.many(conn, dict, SQL.insert_slugs, organisation_id=organisation_id, **columns)
    return {row["event_id"] for row in rows}


def _set_capacity(conn: db.Connection, event: EventRow, capacity: int | None) -> UUID | None:
    """Set or remove the capacity of an event that the transaction has locked. Return the pool of the capacity, or None.

    If the capacity is removed, its pool stays, for the orders that have drawn from it.
    """
    if capacity is None:
        return None
    if event.capacity_pool_id is None:
        ticket_types.replace_pools(conn, event.id)
        return stock.create_pool(conn, capacity)
    stock.resize_pool(conn, event.capacity_pool_id, capacity)
    return event.capacity_pool_id


def lock_event(conn: db.Connection, caller: Caller, event_id: UUID) -> EventRow:
    """Lock an event that the caller may change, and return it.

    Raises:
        NotFound, Forbidden: the event is not the caller's, or the role is too low.
    """
    db.run(conn, SQL.lock_event, id=event_id)
    event = find_row(conn, event_id)
    require_role(conn, caller, event.organisation_id)
    return event


def _with_json(columns: dict[str, Any]) -> dict[str, Any]:
    gates = [{**gate, "key": key_of(gate["name"])} for gate in columns["gates"]]
    form = columns["form"]
    return columns | {
        "gates": Jsonb(gates, dumps=_dumps),
        "form": None if form is None else Jsonb(form, dumps=_dumps),
    }


def find_row(conn: db.Connection, event_id: UUID) -> EventRow:
    """Return an event as it is stored.

    Raises:
        NotFound: there is none.
    """
    return db.get(conn, EventRow, SQL.get_event, id=event_id)


def _find_visible(conn: db.Connection, caller: Caller, event_id: UUID) -> tuple[EventRow, list[TicketTypeRow]]:
    """Return an event, and those of its ticket types that the caller may see.

    Raises:
        NotFound: there is no such event, or it is a draft and the caller is no member.
    """
    event = find_row(conn, event_id)
    is_member = _is_member(conn, caller, event.organisation_id)
    if event.status == "draft" and not is_member:
        raise NotFound
    return event, [row for row in ticket_types.list_of_event(conn, event_id) if is_member or not row.hidden]


def _is_member(conn: db.Connection, caller: Caller, organisation_id: UUID) -> bool:
    return role_of(conn, caller, organisation_id) is not None


def _capacity(event: EventRow) -> CapacityAvailability | None:
    if event.capacity is None:
        return None
    counts = {"available": event.capacity_available, "held": event.capacity_held, "sold": event.capacity_sold}
    return CapacityAvailability.model_validate({"quantity": event.capacity, **counts})


def _view(event: EventRow, types: Sequence[TicketTypeRow]) -> EventView:
    shown = [TicketTypeView.model_validate(row) for row in types]
    challenge = challenges.offered() if event.asks_challenge else None
    return EventView(
        **vars(event) | {"seller": event.shown_seller},
        image=event.image,
        payment_providers=startable(settings().payment_providers),
        seated=any(row.seated for row in types),
        venue=event.venue,
        late_payments=event.late_payments,
        challenge=ChallengeView(**challenge) if challenge else None,
        **questions.shown_form(event.form),
        ticket_types=shown,
    )


def _tell_listeners(conn: db.Connection, event: EventRow, changed: Sequence[str]) -> None:
    """Owe the webhook about an edit, unless it has changed nothing."""
    if changed:
        _owe_webhook(conn, "event.updated", event, changed=changed)


def _owe_webhook(conn: db.Connection, kind: outbox.WebhookType, event: EventRow, **facts: Any) -> None:
    data = {
        "event_id": event.id,
        "version": event.version,
        "title": event.title,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
    }
    outbox.owe_webhook(conn, event.organisation_id, kind, data | facts)


def _record(conn: db.Connection, caller: Caller, action: str, event: EventRow, **facts: Any) -> None:
    subject = f"event {event.id}"
    audit.record(conn, caller, action, subject, organisation=event.organisation_id, **facts)
