"""What each kind of export has: its columns, and the statement that reads its rows page by page.

Times are those of the export's time zone, in ISO 8601 with the distance from UTC. Amounts count the major unit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, LiteralString

from boxoffice import db, money, sql
from boxoffice.exports import rules
from boxoffice.exports.files import Cell
from boxoffice.exports.models import MOST_ROWS, AttendeeFilters, Export, ExportKind, Row
from boxoffice.ids import first_id, shown_order_number
from boxoffice.ledger.rules import LONGEST_POSTING
from boxoffice.orders.models import ALL_STATUSES
from boxoffice.pagination import FIRST_ID
from boxoffice.times import zone_of

SQL = sql.queries("exports")

PAGE = 500  # rows that are read at once, each with up to half a megabyte of answers

type ColumnKind = Literal["text", "number", "money", "time", "order_number", "flag"]

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Source:
    """Where the rows of an export come from.

    Attributes:
        columns: what a file shows, in order, by the names of the statement's columns.
        count: the statement that counts the rows, more or less.
        rows: the statement that reads a page.
        first: the parameters that lead to the first page.
        key: which parameters of the next page are which columns of the last row.
    """

    columns: Mapping[str, ColumnKind]
    count: LiteralString
    rows: LiteralString
    first: Mapping[str, Any]
    key: Mapping[str, str]


def _columns(**names: ColumnKind) -> Mapping[str, ColumnKind]:
    return names


SOURCES: dict[ExportKind, Source] = {
    "attendees": Source(
        _columns(
            order_number="order_number",
            ticket_type_name="text",
            holder_name="text",
            holder_email="text",
            holder_contact="text",
            buyer_name="text",
            buyer_email="text",
            buyer_phone="text",
            seat="text",
            group_size="number",
            status="text",
            disputed="flag",
            entries="number",
            first_scan_at="time",
            first_scan_gate="text",
            issued_at="time",
            ticket_id="text",
        ),
        SQL.count_attendees,
        SQL.list_attendees,
        {"after": FIRST_ID},
        {"after": "ticket_id"},
    ),
    "orders": Source(
        _columns(
            order_number="order_number",
            status="text",
            placed_at="time",
            paid_at="time",
            buyer_name="text",
            buyer_email="text",
            buyer_phone="text",
            events="text",
            tickets="number",
            currency="text",
            gross="money",
            discount="money",
            buyer_fee="money",
            tax="money",
            platform_fee="money",
            total="money",
            refunded="money",
            voucher="text",
            paid_by="text",
            order_id="text",
        ),
        SQL.count_orders,
        SQL.list_orders,
        {"after": FIRST_ID},
        {"after": "order_id"},
    ),
    "scans": Source(
        _columns(
            at="time",
            outcome="text",
            let_in="flag",
            gate="text",
            device="text",
            scanned_by="text",
            order_number="order_number",
            ticket_type_name="text",
            holder_name="text",
            seat="text",
            undone_at="time",
            ticket_id="text",
            scan_id="text",
        ),
        SQL.count_scans,
        SQL.list_scans,
        {"after_at": _LONG_AGO, "after": FIRST_ID},
        {"after_at": "at", "after": "scan_id"},
    ),
    "revenue": Source(
        _columns(
            day="text",
            event="text",
            ticket_type_name="text",
            currency="text",
            orders="number",
            tickets="number",
            gross="money",
            discount="money",
            buyer_fee="money",
            tax="money",
            platform_fee="money",
            total="money",
            refunded_tickets="number",
            refunded="money",
        ),
        SQL.count_revenue,
        SQL.list_revenue,
        {"after_event": FIRST_ID, "after_day": _LONG_AGO.date(), "after": FIRST_ID},
        {"after_event": "event_id", "after_day": "day", "after": "ticket_type_id"},
    ),
    "subscriptions": Source(
        _columns(email="text", confirmed_at="time", consent_version="text", locale="text", subscription_id="text"),
        SQL.count_readers,
        SQL.list_readers,
        {"after_at": _LONG_AGO, "after": FIRST_ID},
        {"after_at": "confirmed_at", "after": "subscription_id"},
    ),
    "ledger": Source(
        _columns(
            posted_at="time",
            holder="text",
            account="text",
            amount="money",
            currency="text",
            kind="text",
            order_number="order_number",
            event="text",
            ticket_type_name="text",
            provider="text",
            reference="text",
            transfer_id="text",
        ),
        SQL.count_entries,
        SQL.list_entries,
        {"after": FIRST_ID, "after_side": 0},
        {"after": "transfer_id", "after_side": "side_no"},
    ),
    "accounting": Source(
        _columns(
            date="text",
            reference="text",
            account_name="text",
            debit="money",
            credit="money",
            currency="text",
            text="text",
            order_number="order_number",
        ),
        SQL.count_entries,
        SQL.list_entries,
        {"after": FIRST_ID, "after_side": 0},
        {"after": "transfer_id", "after_side": "side_no"},
    ),
}


def parameters_of(export: Export) -> dict[str, Any]:
    """Return the parameters of the statements of an export, whatever its kind. Each takes some of them."""
    begin, end = rules.period_of(export)
    return {
        "organisation_id": export.organisation_id,
        "event_id": export.event_id,
        "since": export.since,
        "until": export.until,
        "begin": begin,
        "end": end,
        "first_id": first_id(begin),
        "end_id": first_id(end),
        "last_end_id": first_id(end + LONGEST_POSTING),
        "statuses": list(ALL_STATUSES),
        "order_number": None,
        **vars(AttendeeFilters()),
    }


def count_rows(conn: db.Connection, export: Export) -> int:
    """Return about how many rows an export will have."""
    return int(db.value(conn, SOURCES[export.kind].count, **parameters_of(export)))


def pages_of(conn: db.Connection, export: Export) -> Iterator[Sequence[Row]]:
    """Yield the rows of an export, page by page. Each page is a statement, so that no transaction stays open."""
    source, known = SOURCES[export.kind], parameters_of(export)
    after = dict(source.first)
    for _ in range(MOST_ROWS // PAGE):
        rows = db.search(conn, dict, source.rows, **known, **after, limit=PAGE)
        page = rows[:PAGE]
        if page:
            yield page
        if len(rows) <= PAGE:
            return
        after = {parameter: page[-1][column] for parameter, column in source.key.items()}


@dataclass(frozen=True)
class Layout:
    """How a file shows rows.

    Attributes:
        cells_of: returns the cells of a row, one for each header.
    """

    headers: Sequence[str]
    cells_of: Callable[[Row], list[Cell]]


def layout_of(conn: db.Connection, export: Export) -> Layout:
    """Return how the file of an export shows rows.

    Attendees have a column for each question that the event asks now.
    """
    columns = SOURCES[export.kind].columns
    shown = _shown_by(columns, export.time_zone)
    if export.kind != "attendees":
        return Layout([*columns], shown)
    questions = db.many(conn, dict, SQL.list_questions, event_id=export.event_id)
    ids = [question["id"] for question in questions]
    headers = [*columns, *(question["label"] for question in questions)]
    return Layout(headers, lambda row: [*shown(row), *_answers(row, ids)])


def _answers(row: Row, question_ids: Sequence[str]) -> list[Cell]:
    """Return what was answered to some questions, once for the order or for the ticket."""
    texts = {answer["question_id"]: answer["text"] for answer in [*row["order_answers"], *row["answers"]]}
    return [texts.get(question_id) for question_id in question_ids]


def _shown_by(columns: Mapping[str, ColumnKind], time_zone: str) -> Callable[[Row], list[Cell]]:
    """Return a function that returns the cells of a row's own columns."""
    zone = zone_of(time_zone)
    shown: dict[ColumnKind, Callable[[Any], Cell]] = {
        "text": str,
        "number": int,
        "time": lambda moment: str(moment.astimezone(zone).isoformat(timespec="seconds")),
        "order_number": shown_order_number,
        "flag": lambda value: "yes" if value else "no",
    }

    def cell(row: Row, name: str, kind: ColumnKind) -> Cell:
        value = row[name]
        if value is None:
            return None
        return _major(value, row["currency"]) if kind == "money" else shown[kind](value)

    return lambda row: [cell(row, name, kind) for name, kind in columns.items()]


def _major(amount: int, currency: str) -> Decimal:
    """Return an amount in the major unit, with as many decimals as the currency has."""
    return Decimal(amount).scaleb(-money.exponent(currency))
