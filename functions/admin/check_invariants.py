"""GET /v1/admin/invariants"""

from boxoffice import auth, db
from boxoffice.admin import service
from boxoffice.admin.models import InvariantReport
from boxoffice.api import caller, handler, route
from boxoffice.auth import Who

__all__ = ["handler"]


@route("GET", "/v1/admin/invariants", who=Who.ADMIN)
def check_invariants() -> InvariantReport:
    """Check that the data keeps every invariant, and list the rows that contradict one.

    It looks at what has changed since the last night, when a job has looked at everything. It may take 25 seconds: call
    it after an incident, not from a dashboard that refreshes.
    """
    with db.transaction() as conn:
        auth.require_admin(conn, caller())
        return service.check_invariants(conn)
