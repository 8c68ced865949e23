"""A ticket that is scanned at many doors at once admits `max_entries` times."""

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.checkin import service
from boxoffice.checkin.errors import AlreadyScanned
from boxoffice.checkin.models import ScanRequest
from tests.helpers import invariants
from tests.helpers.racing import race
from tests.helpers.support import Database
from tests.integration.checkin.test_scan_ticket import TicketAtDoor, door  # noqa: F401 - a fixture


@pytest.mark.parametrize("door", [{"max_entries": 1}, {"max_entries": 7}], indirect=True)
def test_a_hundred_racing_scans_admit_exactly_max_entries_times(
    door: TicketAtDoor,  # noqa: F811
    database: Database,
    conn: Connection,
) -> None:
    caller = Caller(Who.SCANNER, account_id=door.scanner)
    refusals_show_first_scan: list[bool] = []

    def scan(conn: Connection, number: int) -> int:
        admitted = 0
        for _ in range(5):
            try:
                service.scan_ticket(conn, caller, ScanRequest(qr=door.qr, gate=f"gate {number}"))
                admitted += 1
            except AlreadyScanned as refusal:
                first_scan = refusal.facts["first_scan_at"], refusal.facts["first_scan_gate"]
                refusals_show_first_scan.append(all(first_scan))
        return admitted

    admitted = sum(race(database, 20, scan))

    assert all(refusals_show_first_scan)
    assert (admitted,) == conn.execute("SELECT max_entries::int FROM tickets").fetchone()
    assert conn.execute("SELECT count(*) FROM scans").fetchone() == (100,)
    invariants.check(conn)
