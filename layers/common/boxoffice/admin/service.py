"""Use cases of admins."""

from boxoffice import db, sql
from boxoffice.admin.models import InvariantCheck, InvariantReport
from boxoffice.admin.rules import INVARIANTS

SQL = sql.queries("admin")


def check_invariants(conn: db.Connection) -> InvariantReport:
    """Find the rows that contradict an invariant. It changes nothing."""
    db.run(conn, SQL.allow_time)
    checks = []
    for number, name, query in INVARIANTS:
        violations = db.many(conn, dict, getattr(SQL, query))
        checks.append(InvariantCheck(invariant=number, name=name, holds=not violations, violations=violations))
    return InvariantReport(hold=all(check.holds for check in checks), checks=checks)
