"""Use cases of administrators."""

from boxoffice import db, sql
from boxoffice.admin.models import InvariantCheck, InvariantReport
from boxoffice.admin.rules import INVARIANTS

SQL = sql.queries("admin")


def check_invariants(conn: db.Connection) -> InvariantReport:
    """Look through the data for anything that contradicts an invariant. Reads only."""
    db.run(conn, SQL.allow_time)
    checks = []
    for number, name, query in INVARIANTS:
        violations = db.many(conn, dict, getattr(SQL, query))
        checks.append(InvariantCheck(invariant=number, name=name, holds=not violations, violations=violations))
    return InvariantReport(hold=all(check.holds for check in checks), checks=checks)
