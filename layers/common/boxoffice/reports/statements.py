"""Print the statement of a month."""

from uuid import UUID

from boxoffice import db, platform_settings, sql
from boxoffice.auth import Caller, require_role
from boxoffice.config import settings
from boxoffice.ids import first_id
from boxoffice.ledger import service as ledger
from boxoffice.reports import pdf, rules
from boxoffice.reports.models import Party, Period, Posting, Statement, Turnover

SQL = sql.queries("reports")


def get_statement(conn: db.Connection, caller: Caller, organisation_id: UUID, month: str) -> bytes:
    """Return the statement of a month as a PDF. Runs in autocommit.

    Once a month is closed, the first statement that is printed of it is kept. So it is the same ever after, whatever
    the organisation or its events are called then.

    Raises:
        NotFound, Forbidden: the organisation is not the caller's, or the role is too low.
        Invalid: the month lies in the future, or before the organisation was made.
    """
    require_role(conn, caller, organisation_id)
    found = db.get(conn, dict, SQL.get_organisation, organisation_id=organisation_id)
    period = rules.month_of(month, found["created_at"], found["now"])
    kept = {"organisation_id": organisation_id, "month": period.since}
    if document := db.value(conn, SQL.get_statement, **kept):
        return bytes(document)
    is_closed = rules.is_closed(period, found["now"])
    turnover, postings = _read(conn, organisation_id, period)
    statement = Statement(
        number=rules.number_of(organisation_id, period),
        platform=Party(settings().site, platform_settings.current(conn).postal_address),
        organisation=Party(found["name"], found["postal_address"], found["locale"]),
        month=period,
        as_of=None if is_closed else found["now"],
        sections=rules.sections_of(turnover, postings),
    )
    document = pdf.render(statement)
    if not is_closed:
        return document
    db.run(conn, SQL.insert_statement, **kept, document=document)
    return bytes(db.value(conn, SQL.get_statement, **kept))


def _read(conn: db.Connection, organisation_id: UUID, period: Period) -> tuple[list[Turnover], list[Posting]]:
    """Return what was moved until the end of a month, and single postings in it, as one snapshot has them."""
    begins_at, ends_at = rules.bounds_of(period)
    with ledger.one_snapshot(conn):
        turnover = db.search(conn, Turnover, SQL.list_turnover, organisation_id=organisation_id, **vars(period))
        postings = db.many(
            conn,
            Posting,
            SQL.list_postings,
            organisation_id=organisation_id,
            first_id=first_id(begins_at),
            begins_at=begins_at,
            ends_at=ends_at,
        )
    return turnover, postings
