"""Remind the holders of tickets of their event on the day before, with the tickets again.

They are reminded between 10 and 20 o'clock at the venue: once an order, and once each holder whom tickets of it have
passed to. Who got the tickets in the twelve hours before 10 o'clock has just had an email with them, and gets none.

A run takes an event and owes the emails about some orders in a transaction, which also notes how far it has come. So it
may die anywhere. The id of an email follows from the event, its day, the order and the address. So nobody gets two,
however often a run begins again. If the event moves to another day after that, its holders are reminded again. If it
moves within the day, they are not: they are told of the move.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from boxoffice import db, outbox, platform_settings, sql
from boxoffice.ids import derived_id
from boxoffice.pagination import FIRST_ID
from boxoffice.times import zone_of

SQL = sql.queries("orders")

_BATCH = 100  # orders in a transaction
_FROM, _UNTIL = time(10), time(20)
_JUST_BEFORE = timedelta(hours=12)


@dataclass(frozen=True)
class EventToRemindOf:
    """An event that takes place soon."""

    id: UUID
    starts_at: datetime
    time_zone: str

    @property
    def day(self) -> date:
        """Return the day of the event at its venue."""
        return day_of(self.starts_at, self.time_zone)

    @property
    def remind_from(self) -> datetime:
        """Return the time from which holders are reminded."""
        return datetime.combine(self.day - timedelta(days=1), _FROM, zone_of(self.time_zone))

    def is_due(self, now: datetime) -> bool:
        """Return True if it is time to remind holders: on the day before, and neither early nor late."""
        local = now.astimezone(zone_of(self.time_zone))
        return local.date() == self.day - timedelta(days=1) and _FROM <= local.time() < _UNTIL


@dataclass(frozen=True)
class Progress:
    """How far the holders of an event are reminded of its start."""

    starts_at: datetime
    last_order_id: UUID
    finished_at: datetime | None


@dataclass(frozen=True)
class HolderToRemind:
    """The buyer of an order, or, with a ticket, somebody whom tickets of it have passed to."""

    order_id: UUID
    email: str
    ticket_id: UUID | None

    @property
    def payload(self) -> dict[str, str]:
        """Return what the email is about, beside the event and its day."""
        if self.ticket_id is None:
            return {"order_id": str(self.order_id)}
        return {"ticket_id": str(self.ticket_id), "email": self.email}


def day_of(moment: datetime, time_zone: str) -> date:
    """Return the day of a moment on the clock of a venue."""
    return moment.astimezone(zone_of(time_zone)).date()


def list_due(conn: db.Connection, leave_out: Collection[UUID] = ()) -> list[EventToRemindOf]:
    """Return the events whose holders are to be reminded now.

    Args:
        leave_out: events that another run has locked, or that the run has tried in vain.
    """
    if not platform_settings.current(conn).reminders:
        return []
    soon = db.many(conn, EventToRemindOf, SQL.list_events_to_remind_of, leave_out=list(leave_out))
    now = datetime.now(UTC)
    return [event for event in soon if event.is_due(now)]


def remind(conn: db.Connection, event: EventToRemindOf) -> int:
    """Owe an email to the holders of the next orders, and return 1. Return 0 if another run reminds them."""
    db.run(conn, SQL.insert_reminder, event_id=event.id, starts_at=event.starts_at)
    before = db.one(conn, Progress, SQL.take_reminder, event_id=event.id)
    if before is None:
        return 0
    is_same_day = day_of(before.starts_at, event.time_zone) == event.day
    progress = before if is_same_day else Progress(event.starts_at, FIRST_ID, None)
    if progress.finished_at is None:
        progress = _remind_some(conn, event, progress)
    db.run(conn, SQL.set_reminder, event_id=event.id, **vars(replace(progress, starts_at=event.starts_at)))
    return 1


def _remind_some(conn: db.Connection, event: EventToRemindOf, progress: Progress) -> Progress:
    """Remind the holders of the next orders, and return how far that has come."""
    key = {"event_id": event.id, "after": progress.last_order_id}
    orders: list[UUID] = [row["id"] for row in db.page(conn, dict, SQL.list_orders_to_tell, limit=_BATCH, **key)]
    if not orders:
        return replace(progress, finished_at=datetime.now(UTC))
    got_by = event.remind_from - _JUST_BEFORE
    holders = db.many(
        conn, HolderToRemind, SQL.list_holders_to_remind, order_ids=orders, event_id=event.id, got_by=got_by
    )
    about = {"event_id": str(event.id), "day": event.day.isoformat()}
    emails = [(holder.email, about | holder.payload) for holder in holders]
    ids = [derived_id("reminder", event.id, event.day, holder.order_id, holder.email) for holder in holders]
    outbox.owe_emails(conn, "reminder", emails, ids)
    return replace(progress, last_order_id=orders[-1])
