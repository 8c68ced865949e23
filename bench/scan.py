"""The door: scans, from one and from eight connections; the manifest; the sync of offline scans; attendance.

Handlers run in processes, with the database on the same machine. Each scan is of a ticket that was not used before.
Scans are counted in the table.
"""

import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import psycopg
from psycopg import ClientCursor

from bench import fixture
from bench.extension import MASTER, secrets_extension
from bench.processes import Process
from bench.report import Part, Target, progress, table
from bench.server import Bench, bench_server
from boxoffice.tickets import qr
from tests.helpers import factories

_BATCH = 500
# Two of three tickets are used, at four gates in three hours.
_USE_TICKETS = """
WITH used AS (
    UPDATE tickets SET entries = 1, first_scan_at = now() - mod(position + item_no, 180) * interval '1 minute'
    WHERE mod(('x' || substr(md5(id::text), 1, 7))::bit(28)::int, 3) > 0 RETURNING id, event_id
)
INSERT INTO scans (id, ticket_id, event_id, outcome, let_in, transfer_count, gate, scanned_by, at)
SELECT gen_random_uuid(), id, event_id, 'admitted', true, 0, 'Gate ' || mod(n, 4), %(account)s,
    now() - mod(n, 180) * interval '1 minute'
FROM (SELECT *, row_number() OVER () AS n FROM used) AS numbered"""


@dataclass(frozen=True)
class Size:
    """How thoroughly to measure."""

    tickets: int
    tickets_counted: int
    clients: int
    seconds: float


FULL = Size(tickets=50_000, tickets_counted=300_000, clients=8, seconds=6)
SMOKE = Size(tickets=2_000, tickets_counted=2_000, clients=2, seconds=0.5)


@dataclass(frozen=True)
class Venue:
    """An event that is sold, and what a door there needs. ``qrs`` is a file with a ticket's QR in each line."""

    bench: Bench
    secrets_port: int
    event_id: UUID
    account_id: UUID
    qrs: Path

    def door(self, database: str, number: int = 0, of: int = 1) -> Process:
        """Start one of several doors, each with tickets of its own."""
        arguments = (self.account_id, self.event_id, self.qrs, number, of)
        options = {"bench": self.bench, "database": database, "secrets_port": self.secrets_port}
        process = Process("bench.scanner", *arguments, **options)  # type: ignore[arg-type]
        process.wait_until_ready()
        return process


def measure(*, smoke: bool = False) -> Part:
    """Measure the door. With ``smoke``, only show that it works."""
    size = SMOKE if smoke else FULL
    with ExitStack() as stack:
        bench = stack.enter_context(bench_server())
        secrets_port = stack.enter_context(secrets_extension())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        progress(f"selling {size.tickets:,} tickets")
        venue = _sell(bench, secrets_port, "sold", size.tickets, directory / "sold")
        for database in ("alone", "together", "offline"):
            bench.create(database, "sold")
        figures: dict[str, Any] = {"tickets": size.tickets, "clients": size.clients}
        figures["alone"] = _scan(venue, "alone", 1, size.seconds)
        figures["together"] = _scan(venue, "together", size.clients, size.seconds)
        progress("manifest, sync and attendance")
        figures |= _offline(venue)
        counted = _sell(bench, secrets_port, "counted", size.tickets_counted, directory / "counted")
        figures["attendance"] = _attendance(counted, size.tickets_counted)
    _show(figures)
    return Part("scan", [] if smoke else _targets(figures), figures)


def _sell(bench: Bench, secrets_port: int, database: str, tickets: int, qrs: Path) -> Venue:
    """Make a database whose tickets have QRs that the functions accept."""
    bench.create(database, "empty")
    with bench.connect(database) as conn:
        hot = fixture.hot_ticket_type(conn)
        fixture.sell(conn, hot, tickets // 2)
        _sign(conn, hot.organisation_id, qrs)
        account_id = factories.member(conn, hot.organisation_id, "owner")
        fixture.vacuum(conn)
    return Venue(bench, secrets_port, hot.event_id, account_id, qrs)


def _sign(conn: psycopg.Connection[Any], organisation_id: UUID, path: Path) -> None:
    """Give all tickets their real QRs, as if they had been issued with them, and write these to a file."""
    ids = [row[0] for row in conn.execute("SELECT id FROM tickets ORDER BY md5(id::text)").fetchall()]
    signed = [qr.text_of(MASTER, 1, 0, organisation_id, ticket_id) for ticket_id in ids]
    path.write_text("\n".join(signed))
    conn.execute("CREATE TEMPORARY TABLE resigned AS SELECT * FROM tickets; TRUNCATE tickets, guest_list CASCADE")
    conn.execute("CREATE TEMPORARY TABLE hashes (id uuid PRIMARY KEY, qr_hash bytea)")
    with conn.cursor().copy("COPY hashes FROM STDIN") as copy:
        for ticket_id, text in zip(ids, signed, strict=True):
            copy.write_row((ticket_id, qr.hash_of(text)))
    conn.execute("UPDATE resigned SET qr_hash = hashes.qr_hash FROM hashes WHERE hashes.id = resigned.id")
    conn.execute("INSERT INTO tickets SELECT * FROM resigned ORDER BY id; DROP TABLE resigned, hashes")


def _scan(venue: Venue, database: str, clients: int, seconds: float) -> dict[str, Any]:
    progress(f"{clients} scanning")
    doors = [venue.door(database, number, clients) for number in range(clients)]
    warm = []
    for door in doors:
        door.ask("warm_up")
        warm.append(door.answer())
    before = _admitted(venue, database)
    start = time.time() + 0.2
    for door in doors:
        door.ask("scan", start, seconds)
    reports = [door.answer() for door in doors]
    for door in doors:
        door.close()
    percentiles = quantiles([latency for each in reports for latency in each["latencies"]], n=100)
    return {
        "scans_per_second": (_admitted(venue, database) - before) / max(each["seconds"] for each in reports),
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
        "round_trips": max(each["round_trips"] for each in warm),
    }


def _admitted(venue: Venue, database: str) -> int:
    """Return how many entries there are, after a check that tickets and scans agree."""
    with venue.bench.connect(database) as conn:
        row = conn.execute("SELECT (SELECT count(*) FROM scans), (SELECT sum(entries) FROM tickets)").fetchone()
    assert row is not None
    assert row[0] == row[1], f"{row[0]} scans, but {row[1]} entries"
    return int(row[0])


def _offline(venue: Venue) -> dict[str, Any]:
    """Measure a device that reads the manifest, and one that reports a scan of every ticket."""
    door = venue.door("offline")
    door.ask("manifest")
    door.answer()  # warm from here on
    door.ask("manifest")
    manifest = door.answer()
    door.ask("sync", _BATCH)
    report = door.answer()
    door.close()
    first, again = report["first"], report["again"]
    sync = {
        "scans": report["scans"],
        "seconds": sum(first),
        "scans_per_second": report["scans"] / sum(first),
        "batch_p50_ms": median(first) * 1000,
        "batch_max_ms": max(first) * 1000,
        "repeated_seconds": sum(again),
    }
    assert _admitted(venue, "offline") == report["scans"]
    return {"manifest": manifest, "sync": sync}


def _attendance(venue: Venue, tickets: int) -> dict[str, Any]:
    with venue.bench.connect("counted") as conn:
        ClientCursor(conn).execute(_USE_TICKETS, {"account": venue.account_id})
        conn.execute("VACUUM ANALYZE tickets, scans")
    door = venue.door("counted")
    door.ask("attendance", 10)
    seconds = door.answer()["seconds"]
    door.close()
    return {"tickets": tickets, "p50_ms": median(seconds) * 1000}


def _show(figures: dict[str, Any]) -> None:
    rows = [
        [name, *(figures[key][column] for column in ("scans_per_second", "p50_ms", "p99_ms"))]
        for key, name in (("alone", "1 connection"), ("together", f"{figures['clients']} connections"))
    ]
    table(["scan_ticket", "scans a second", "p50 ms", "p99 ms"], rows)
    manifest, sync, attendance = figures["manifest"], figures["sync"], figures["attendance"]
    table(
        [f"offline, {figures['tickets']:,} tickets", "figure"],
        [
            ["manifest, s", manifest["whole_s"]],
            ["manifest, MB", manifest["bytes"] / 1e6],
            ["manifest as gzip, MB", manifest["bytes_packed"] / 1e6],
            ["manifest unchanged, ms", manifest["unchanged_ms"]],
            ["sync of all, s", sync["seconds"]],
            ["sync, scans a second", sync["scans_per_second"]],
            [f"sync of {_BATCH}, ms", sync["batch_p50_ms"]],
            ["sync of all once more, s", sync["repeated_seconds"]],
            [f"attendance, {attendance['tickets']:,} tickets, ms", attendance["p50_ms"]],
        ],
    )


def _targets(figures: dict[str, Any]) -> list[Target]:
    return [
        Target("scan: round trips to the database", figures["alone"]["round_trips"], at_most=1),
        Target("scan: manifest of 50,000 tickets, MB", figures["manifest"]["bytes"] / 1e6, at_most=3),
        Target("scan: sync of 50,000 scans, s", figures["sync"]["seconds"], at_most=60, enforced=False),
    ]
