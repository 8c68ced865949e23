"""When holders are reminded: on the day before, between 10 and 20 o'clock on the clock of the venue."""

from datetime import UTC, datetime

import pytest

from boxoffice.ids import new_id
from boxoffice.orders.reminders import EventToRemindOf


@pytest.mark.parametrize(
    ("starts_at", "time_zone", "first", "last"),
    [
        # Lagos is an hour ahead of UTC all year.
        ("2026-06-27T18:30", "Africa/Lagos", "2026-06-26T09:00", "2026-06-26T18:59"),
        # Half past midnight in Lagos, so the day before is the 26th there, though it is the 26th in UTC, too.
        ("2026-06-26T23:30", "Africa/Lagos", "2026-06-26T09:00", "2026-06-26T18:59"),
        # The clocks of Berlin go forward in the night to 29 March 2026: UTC+1 before, UTC+2 after.
        ("2026-03-29T10:00", "Europe/Berlin", "2026-03-28T09:00", "2026-03-28T18:59"),
        ("2026-03-30T10:00", "Europe/Berlin", "2026-03-29T08:00", "2026-03-29T17:59"),
        # And back in the night to 25 October 2026.
        ("2026-10-25T10:00", "Europe/Berlin", "2026-10-24T08:00", "2026-10-24T17:59"),
        ("2026-10-26T10:00", "Europe/Berlin", "2026-10-25T09:00", "2026-10-25T18:59"),
        # Kiritimati is 14 hours ahead: 20 o'clock of the 27th there is six in the morning in UTC.
        ("2026-06-27T06:00", "Pacific/Kiritimati", "2026-06-25T20:00", "2026-06-26T05:59"),
        # Kathmandu is 5:45 ahead.
        ("2026-06-27T12:00", "Asia/Kathmandu", "2026-06-26T04:15", "2026-06-26T14:14"),
    ],
)
def test_the_time_to_remind(starts_at: str, time_zone: str, first: str, last: str) -> None:
    event = EventToRemindOf(new_id(), _utc(starts_at), time_zone)

    assert event.is_due(_utc(first))
    assert event.is_due(_utc(last))
    assert not event.is_due(datetime.fromtimestamp(_utc(first).timestamp() - 60, UTC))
    assert not event.is_due(datetime.fromtimestamp(_utc(last).timestamp() + 60, UTC))


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
