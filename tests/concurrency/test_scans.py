"""A ticket that is shown at many doors at once admits as often as it may."""

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.checkin import service
from boxoffice.checkin.errors import AlreadyScanned
from boxoffice.checkin.models import ScanRequest
from tests.helpers import invariants
from tests.helpers.racing import race
from tests.helpers.support import Database
from tests.integration.checkin.test_scan_ticket import Door, door  # noqa: F401 - a fixture


@pytest.mark.parametrize("door", [{"max_entries": 1}, {"max_entries": 7}], indirect=True)
def test_a_hundred_racing_scans_admit_exactly_as_often_as_allowed(
    door: Door,  # noqa: F811
    database: Database,
    conn: Connection,
) -> None:
    caller = Caller(Who.SCANNER, account_id=door.scanner)
    knows_when_and_where: list[bool] = []

    def scan(conn: Connection, number: int) -> int:
        admitted = 0
        for _ in range(5):
            try:
                service.scan_ticket(conn, caller, ScanRequest(qr=door.qr, gate=f"gate {number}"))
                admitted += 1
            except AlreadyScanned as refusal:
                knows_when_and_where.append(bool(refusal.facts["first_scan_at"] and refusal.facts["first_scan_gate"]))
        return admitted

    admitted = sum(race(database, 20, scan))

    assert all(knows_when_and_where)
    assert (admitted,) == conn.execute("SELECT max_entries::int FROM tickets").fetchone()
    assert conn.execute("SELECT count(*) FROM scans").fetchone() == (100,)
    invariants.check(conn)
