"""What may be done with an event and when."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from boxoffice.errors import DomainError, Invalid
from boxoffice.events import rules
from boxoffice.events.errors import CurrencyFixed, EndsInThePast, EventOver, OrganisationNotApproved
from boxoffice.events.models import EventFilters, EventRow
from boxoffice.ids import new_id
from boxoffice.ticket_types.errors import EventCancelled, NoTicketTypes
from boxoffice.ticket_types.models import TicketTypeRow

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def event(**overrides: Any) -> EventRow:
    """A draft of an approved organisation, of which only this matters."""
    row: dict[str, Any] = {
        **dict.fromkeys(field.name for field in fields(EventRow)),
        "organisation_status": "approved",
        "status": "draft",
        "starts_at": NOW + HOUR,
        "ends_at": NOW + 2 * HOUR,
        "currency": "NGN",
    }
    return EventRow(**{**row, **overrides})


def ticket_type() -> TicketTypeRow:
    """A ticket type of which nothing matters but that it is there."""
    return TicketTypeRow(**dict.fromkeys(field.name for field in fields(TicketTypeRow)))


def test_the_fields_of_a_venue_stand_beside_the_events_own() -> None:
    fields = {"title": "Jazz", "venue": {"name": "Park", "city": "Lagos"}}

    assert rules.columns_of(fields) == {"title": "Jazz", "venue_name": "Park", "city": "Lagos"}
    assert rules.columns_of({"title": "Jazz"}) == {"title": "Jazz"}


def test_an_end_lies_ahead_when_it_is_set() -> None:
    rules.check_end(NOW + HOUR, NOW)
    with pytest.raises(EndsInThePast):
        rules.check_end(NOW, NOW)
    over = event(ends_at=NOW - HOUR)
    rules.check_changes(over, {"title": "Thanks", "ends_at": over.ends_at}, NOW)
    with pytest.raises(EndsInThePast):
        rules.check_changes(event(), {"ends_at": NOW - HOUR}, NOW)


def test_the_currency_is_fixed_from_the_day_of_publication() -> None:
    rules.check_changes(event(), {"currency": "USD"}, NOW)
    rules.check_changes(event(status="published"), {"currency": "NGN"}, NOW)
    for status in ("published", "cancelled"):
        with pytest.raises(CurrencyFixed):
            rules.check_changes(event(status=status), {"currency": "USD"}, NOW)


@pytest.mark.parametrize(
    ("overrides", "types", "error"),
    [
        ({"status": "cancelled"}, 1, EventCancelled),
        ({"organisation_status": "pending"}, 1, OrganisationNotApproved),
        ({"organisation_status": "suspended"}, 1, OrganisationNotApproved),
        ({"starts_at": NOW - HOUR, "ends_at": NOW}, 1, EventOver),
        ({}, 0, NoTicketTypes),
    ],
)
def test_what_is_not_fit_to_be_seen_is_not_published(
    overrides: dict[str, Any], types: int, error: type[DomainError]
) -> None:
    with pytest.raises(error):
        rules.check_publishable(event(**overrides), [ticket_type()] * types, NOW)


def test_an_event_that_has_begun_can_be_published() -> None:
    rules.check_publishable(event(starts_at=NOW - HOUR), [ticket_type()], NOW)


def test_a_span_ends_after_it_begins() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("search", "category", "city", "organisation_id"))
    rules.check_filters(EventFilters(**nothing, since=None, until=NOW))
    rules.check_filters(EventFilters(**nothing, since=NOW, until=NOW + HOUR))
    with pytest.raises(Invalid):
        rules.check_filters(EventFilters(**nothing, since=NOW, until=NOW))


def test_events_to_come_begin_after_the_moment_or_after_the_page_before() -> None:
    earlier, later = (NOW - HOUR, new_id()), (NOW + HOUR, new_id())

    assert rules.upcoming_after(NOW, rules.FIRST_KEY) == (NOW, UUID(int=2**128 - 1))
    assert rules.upcoming_after(NOW, earlier)[0] == NOW
    assert rules.upcoming_after(NOW, later) == later
