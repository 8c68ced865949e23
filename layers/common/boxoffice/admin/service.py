"""Checks of the invariants: of what has changed, when an admin asks, and of everything by night.

All data is checked in parts: orders, events, pools of stock, places, days of the ledger, organisations, and the rest. A
part takes a few seconds. A run by night goes by their ids, and remembers how far it has come. What it has checked is
settled: an admin's check looks at what has changed since the last run began.
"""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from typing import Any, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic_core import to_jsonable_python

from boxoffice import db, sql
from boxoffice.admin.models import InvariantCheck, InvariantReport, InvariantRun, InvariantRunView, Part
from boxoffice.admin.rules import INVARIANTS
from boxoffice.ids import first_id, new_id
from boxoffice.observability import count
from boxoffice.pagination import FIRST_ID

logger = logging.getLogger(__name__)

SQL = sql.queries("admin")

type Breaches = dict[str, list[dict[str, Any]]]
"""Up to ten rows that contradict an invariant, by the name of the check."""

_MOST_ROWS = 10  # of a check
_SECONDS_TO_ANSWER = 12  # after which an admin's check begins no other part
_MOST_SECONDS = 12  # of a statement in an admin's check
_MOST_SECONDS_BY_NIGHT = 60
_MOST_CHANGED = 100_000  # orders in an admin's check
_EVENTS_AT_ONCE = 100  # in an admin's check
_IN_FLIGHT = timedelta(minutes=10)  # what began so long before a run may have been committed after it

_LISTS: dict[Part, tuple[LiteralString, int]] = {
    "orders": (SQL.list_orders_after, 10_000),
    "events": (SQL.list_events_after, 500),
    "pools": (SQL.list_pools_after, 5_000),
    "places": (SQL.list_places_after, 500),
    "days": (SQL.list_days_after, 1),
    "organisations": (SQL.list_organisations_after, 100),
}
_PARTS: tuple[Part, ...] = (*_LISTS, "rest")  # in the order in which a run checks them


@dataclass(frozen=True)
class NextPart:
    """The part that a run checks next: what comes after an id.

    Attributes:
        id: tells the parts of all runs apart.
    """

    run_id: UUID
    part: Part
    after: UUID

    @property
    def id(self) -> str:
        """The run, the part and what it comes after."""
        return f"{self.run_id} {self.part} {self.after}"


# ---------------------------------------------------------------------------------------------- when an admin asks


def check_invariants(conn: db.Connection) -> InvariantReport:
    """Find the rows that contradict an invariant, among all that has changed since the last run began. Change nothing.

    Before the first run has ended, look at everything. If there is too much for an answer, leave the rest to the run.
    """
    db.run(conn, SQL.allow_time, seconds=_MOST_SECONDS)
    last = db.one(conn, InvariantRun, SQL.get_last_run)
    current = db.one(conn, InvariantRun, SQL.get_current_run)
    end = time.monotonic() + _SECONDS_TO_ANSWER
    breaches: Breaches = {}
    orders, is_complete = 0, True
    for part, ids in _changed(conn, last) if last else _everything(conn):
        if time.monotonic() > end:
            is_complete = False
            break
        _add(breaches, _check_part(conn, part, ids))
        orders += len(ids) if part == "orders" else 0
    return InvariantReport(
        hold=not breaches and (last is None or not last.breaches),
        since=last.started_at if last else None,
        orders=orders,
        is_complete=is_complete and orders < _MOST_CHANGED,
        checks=_checks(breaches),
        last_run=_view(last) if last else None,
        current_run=_view(current) if current else None,
    )


def _everything(conn: db.Connection) -> Iterator[tuple[Part, Sequence[UUID]]]:
    """Yield all parts of the data."""
    for part in _LISTS:
        ids = _ids_after(conn, part, FIRST_ID)
        while ids:
            yield part, ids
            ids = _ids_after(conn, part, ids[-1])
    yield "rest", ()


def _changed(conn: db.Connection, run: InvariantRun) -> Iterator[tuple[Part, Sequence[UUID]]]:
    """Yield the parts that have changed since a run began, first what is small."""
    since = first_id(run.started_at - _IN_FLIGHT)
    yield "rest", ()
    yield "places", _ids(conn, SQL.list_changed_places, since=since)
    yield "days", _ids(conn, SQL.list_changed_days, since=since)
    yield "organisations", _ids(conn, SQL.list_changed_organisations, since=since)
    orders = _ids(conn, SQL.list_changed_orders, since=since, after_history=run.after_history, limit=_MOST_CHANGED)
    for some in batched(orders, _LISTS["orders"][1], strict=False):
        yield "orders", some
    events = _ids(conn, SQL.list_changed_events, since=since, orders=orders)
    for some in batched(events, _EVENTS_AT_ONCE, strict=False):
        yield "events", some
        yield "pools", _ids(conn, SQL.list_pools_of_events, events=list(some))


# ------------------------------------------------------------------------------------------------------- by night


def list_next(conn: db.Connection, leave_out: Collection[str] = ()) -> list[NextPart]:
    """Return the next part of the run that is under way, if there is one. Begin a run if none has begun this night."""
    db.run(conn, SQL.begin_run, id=new_id())
    run = db.one(conn, InvariantRun, SQL.get_current_run)
    following = [NextPart(run.id, run.part, run.after)] if run else []
    return [part for part in following if part.id not in leave_out]


def check_next(conn: db.Connection, unit: NextPart) -> int:
    """Check a part, keep what contradicts an invariant, and move the run on. Return 0 if somebody else does or did."""
    run = db.one(conn, InvariantRun, SQL.take_run, id=unit.run_id, part=unit.part, after=unit.after)
    if run is None:
        return 0
    db.run(conn, SQL.allow_time, seconds=_MOST_SECONDS_BY_NIGHT)
    ids = _ids_after(conn, unit.part, unit.after)
    breaches = _check_part(conn, unit.part, ids)
    if breaches:
        logger.error("rows contradict an invariant", extra={"breaches": breaches})
        count("InvariantsBroken", len(breaches))
    _move_on(conn, run, ids, breaches)
    return 1


def _move_on(conn: db.Connection, run: InvariantRun, ids: Sequence[UUID], breaches: Breaches) -> None:
    """Let a run go on after the ids that it has checked: with the next part of the data if there were none."""
    is_over = run.part == _PARTS[-1]
    part = run.part if ids or is_over else _PARTS[_PARTS.index(run.part) + 1]
    db.run(
        conn,
        SQL.move_run,
        id=run.id,
        part=part,
        after=ids[-1] if ids else FIRST_ID,
        is_over=is_over,
        checked=len(ids),
        breaches=Jsonb(_add(run.breaches, breaches)),
    )
    if is_over:
        db.run(conn, SQL.forget_runs)


# ------------------------------------------------------------------------------------------------------ both


def _check_part(conn: db.Connection, part: Part, ids: Sequence[UUID]) -> Breaches:
    """Run the checks of one part of the data."""
    if part in _LISTS and not ids:
        return {}
    params = {part: list(ids)} if ids else {}
    found = {
        each.name: db.many(conn, dict, getattr(SQL, each.query), **params) for each in INVARIANTS if each.part == part
    }
    return {name: to_jsonable_python(rows) for name, rows in found.items() if rows}


def _ids_after(conn: db.Connection, part: Part, after: UUID) -> list[UUID]:
    """Return the ids of a part of the data in their order; none of the rest, which is checked at once."""
    if part not in _LISTS:
        return []
    statement, limit = _LISTS[part]
    return _ids(conn, statement, after=after, limit=limit)


def _ids(conn: db.Connection, statement: LiteralString, **params: Any) -> list[UUID]:
    return db.values(conn, statement, **params)


def _add(breaches: Breaches, others: Breaches) -> Breaches:
    """Add other breaches to some, and return these."""
    for name, rows in others.items():
        breaches[name] = [*breaches.get(name, []), *rows][:_MOST_ROWS]
    return breaches


def _checks(breaches: Breaches) -> list[InvariantCheck]:
    return [
        InvariantCheck(
            invariant=each.number,
            name=each.name,
            holds=each.name not in breaches,
            violations=breaches.get(each.name, []),
        )
        for each in INVARIANTS
    ]


def _view(run: InvariantRun) -> InvariantRunView:
    """Return a run as admins see it. How many rows there are is an estimate, so a run is done when it says so."""
    return InvariantRunView(
        started_at=run.started_at,
        finished_at=run.finished_at,
        percent_done=100 if run.finished_at else min(99, 100 * run.checked // max(1, run.expected)),
        broken=[check for check in _checks(run.breaches) if not check.holds],
    )
