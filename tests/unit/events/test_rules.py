"""What may be done with an event, and when."""

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
    """Return a draft of an approved organisation. Fields that no rule reads are None."""
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
    """Return a ticket type whose fields are all None: the rules only count it."""
    return TicketTypeRow(**dict.fromkeys(field.name for field in fields(TicketTypeRow)))


def test_an_event_has_a_column_for_each_field_of_its_venue() -> None:
    fields = {"title": "Jazz", "venue": {"name": "Park", "city": "Lagos"}}

    assert rules.columns_of(fields) == {"title": "Jazz", "venue_name": "Park", "city": "Lagos"}
    assert rules.columns_of({"title": "Jazz"}) == {"title": "Jazz"}


def test_a_new_end_must_be_in_the_future() -> None:
    rules.check_end(NOW + HOUR, NOW)
    with pytest.raises(EndsInThePast):
        rules.check_end(NOW, NOW)
    over = event(ends_at=NOW - HOUR)
    rules.check_changes(over, {"title": "Thanks", "ends_at": over.ends_at}, NOW)
    with pytest.raises(EndsInThePast):
        rules.check_changes(event(), {"ends_at": NOW - HOUR}, NOW)


def test_the_currency_is_fixed_once_the_event_is_published() -> None:
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
def test_an_event_that_nobody_could_buy_is_not_published(
    overrides: dict[str, Any], types: int, error: type[DomainError]
) -> None:
    with pytest.raises(error):
        rules.check_publishable(event(**overrides), [ticket_type()] * types, NOW)


def test_an_event_that_has_begun_can_be_published() -> None:
    rules.check_publishable(event(starts_at=NOW - HOUR), [ticket_type()], NOW)


def test_the_time_span_of_a_search_is_not_empty() -> None:
    nothing: dict[str, Any] = dict.fromkeys(("search", "category", "city", "organisation_id", "series_id"))
    rules.check_filters(EventFilters(**nothing, since=None, until=NOW))
    rules.check_filters(EventFilters(**nothing, since=NOW, until=NOW + HOUR))
    with pytest.raises(Invalid):
        rules.check_filters(EventFilters(**nothing, since=NOW, until=NOW))


def test_upcoming_events_begin_after_the_moment_or_the_page_before() -> None:
    earlier, later = (NOW - HOUR, new_id()), (NOW + HOUR, new_id())

    assert rules.upcoming_after(NOW, rules.FIRST_KEY) == (NOW, UUID(int=2**128 - 1))
    assert rules.upcoming_after(NOW, earlier)[0] == NOW
    assert rules.upcoming_after(NOW, later) == later
