"""GET /v1/events/{event_id}/scan-manifest"""

import gzip
import json
from base64 import b64encode
from typing import Any
from uuid import UUID

import psycopg
import pytest

from boxoffice import config
from boxoffice.checkin.models import MOST_TICKETS
from boxoffice.tickets import qr, reissues
from boxoffice.tickets import service as tickets
from boxoffice.tickets.models import PrintedTicket
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, offline
from tests.helpers.factories import NOW
from tests.helpers.offline_scanner import OfflineScanner
from tests.helpers.rings import KeyRing
from tests.helpers.support import Database


def manifest_hash(text: str) -> str:
    """Return the hash of a QR as a manifest writes it."""
    return b64encode(qr.hash_of(text)[:16], b"-_").decode().rstrip("=")


def tickets_in(manifest: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Return the entries left and the group size of each hash in a manifest."""
    return {
        qr_hash: (entries_left, group_size)
        for items in manifest["tickets"].values()
        for qr_hash, entries_left, group_size in items
    }


def test_a_manifest_holds_all_tickets_of_the_event(doors: Doors) -> None:
    first, second = doors.sell(2, name="Standing", max_entries=3)
    (group,) = doors.sell(name="Table")
    doors.conn.execute("UPDATE tickets SET group_size = 6 WHERE id = %s", [group.id])
    doors.scan(first)

    manifest = doors.manifest().json

    assert manifest["starts_over"]
    assert not manifest["has_more"]
    assert [ticket_type["name"] for ticket_type in manifest["ticket_types"]] == ["Standing", "Table"]
    assert tickets_in(manifest) == {
        manifest_hash(first.qr): (2, 1),
        manifest_hash(second.qr): (3, 1),
        manifest_hash(group.qr): (1, 6),
    }


def test_a_manifest_holds_no_secret_and_no_name(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.transfer(ticket)

    body = doors.manifest().body.decode()

    for secret in ("Ada", "Bola", "@", str(ticket.id), ticket.id.hex, ticket.qr[4:20], str(ticket.order_id)):
        assert secret not in body


def test_the_changes_since_a_cursor_are_new_transferred_refunded_and_used_tickets(doors: Doors) -> None:
    used, refunded, transferred, undone, synced, _ = doors.sell(6)
    scan_id = doors.scan(undone).json["scan_id"]
    cursor = doors.manifest().json["next_cursor"]

    assert tickets_in(doors.manifest(cursor).json) == {}
    doors.scan(used)
    doors.refund(refunded)
    newer = doors.transfer(transferred)
    doors.undo(scan_id)
    doors.sync("A", offline(1, synced, 5))
    (new,) = doors.sell()
    changes = doors.manifest(cursor).json

    assert not changes["starts_over"]
    assert tickets_in(changes) == {
        manifest_hash(used.qr): (0, 1),
        manifest_hash(refunded.qr): (-1, 1),
        manifest_hash(transferred.qr): (-2, 1),
        manifest_hash(newer.qr): (1, 1),
        manifest_hash(undone.qr): (1, 1),
        manifest_hash(synced.qr): (0, 1),
        manifest_hash(new.qr): (1, 1),
    }
    assert tickets_in(doors.manifest(changes["next_cursor"]).json) == {}


def test_a_change_is_not_missed_if_its_transaction_commits_after_later_ones(doors: Doors, database: Database) -> None:
    slow, fast = doors.sell(2)
    with psycopg.connect(database.api_url) as open_conn:
        open_conn.execute("UPDATE tickets SET status = 'refunded' WHERE id = %s", [slow.id])  # not committed yet
        cursor = doors.manifest().json["next_cursor"]
        doors.scan(fast)  # a later transaction, which commits first

        meanwhile = doors.manifest(cursor).json
        open_conn.commit()
    afterwards = doors.manifest(meanwhile["next_cursor"]).json

    assert tickets_in(meanwhile)[manifest_hash(fast.qr)] == (0, 1)
    assert tickets_in(afterwards)[manifest_hash(slow.qr)] == (-1, 1)
    assert tickets_in(doors.manifest(afterwards["next_cursor"]).json) == {}


def test_an_open_transaction_elsewhere_delays_no_change(doors: Doors, database: Database) -> None:
    (ticket,) = doors.sell()
    with psycopg.connect(database.api_url) as open_conn:
        open_conn.execute("UPDATE events SET title = 'Slow' WHERE id = %s", [doors.event])
        cursor = doors.manifest().json["next_cursor"]
        doors.scan(ticket)

        meanwhile = doors.manifest(cursor).json
    afterwards = doors.manifest(meanwhile["next_cursor"]).json

    assert (
        tickets_in(meanwhile) == tickets_in(afterwards) == {manifest_hash(ticket.qr): (0, 1)}
    )  # twice is better than late
    assert tickets_in(doors.manifest(afterwards["next_cursor"]).json) == {}


def test_a_manifest_in_pages_misses_no_change_between_pages(doors: Doors) -> None:
    tickets = doors.sell(7)
    known: dict[str, tuple[int, int]] = {}
    page = doors.manifest(limit=3).json
    starts_over = [page["starts_over"]]
    known |= tickets_in(page)
    doors.scan(tickets[0])
    while page["has_more"]:
        page = doors.manifest(page["next_cursor"], limit=3).json
        starts_over.append(page["starts_over"])
        known |= tickets_in(page)
    known |= tickets_in(doors.manifest(page["next_cursor"]).json)

    assert starts_over[0]
    assert not any(starts_over[1:])
    assert known == {manifest_hash(ticket.qr): (0 if ticket is tickets[0] else 1, 1) for ticket in tickets}


def test_an_unchanged_manifest_is_not_sent_again(doors: Doors) -> None:
    (ticket,) = doors.sell()
    etag = doors.manifest().headers["etag"]

    unchanged = doors.manifest(etag=etag)
    doors.scan(ticket)
    changed = doors.manifest(etag=etag)
    changed_etag = changed.headers["etag"]
    doors.api.patch(f"/v1/events/{doors.event}", {"title": "Jazz again"}, account=doors.manager)

    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
    assert changed.status == 200
    assert doors.manifest(etag=changed_etag).status == 200
    assert doors.manifest(etag='"1.2"').status == 200
    assert doors.manifest(etag="*").status == 200


@pytest.fixture
def ring(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> KeyRing:
    """Return a ring of the test's own, which signs tickets."""
    ring = KeyRing()
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    return ring


def reissue(doors: Doors, ring: KeyRing, ticket: PrintedTicket) -> PrintedTicket:
    """Reissue a ticket with a new key. Return it with its new QR."""
    ring.rotate()
    config.forget_secrets()
    with doors.conn.transaction():
        reissues.reissue(doors.conn, [ticket.order_id], up_to=ticket.key_id)
    return tickets.print_ticket(tickets.get_signed_ticket(doors.conn, ticket.id))


def withdraw(ring: KeyRing, key_id: str) -> None:
    ring.take_out(key_id)
    config.forget_secrets()


def test_a_withdrawn_key_ends_the_qrs_that_it_signed_and_devices_read_all_again(doors: Doors, ring: KeyRing) -> None:
    (old,) = doors.sell()
    ring.rotate()
    config.forget_secrets()
    (new,) = doors.sell()
    rotated = doors.manifest()

    withdraw(ring, "1")
    withdrawn = doors.manifest(rotated.json["next_cursor"], etag=rotated.headers["etag"])

    assert tickets_in(rotated.json) == {manifest_hash(old.qr): (1, 1), manifest_hash(new.qr): (1, 1)}
    assert tickets_in(withdrawn.json) == {manifest_hash(old.qr): (-4, 1), manifest_hash(new.qr): (1, 1)}
    assert [rotated.json["starts_over"], withdrawn.json["starts_over"]] == [True, True]
    assert doors.scan(old).code == "withdrawn"
    assert doors.scan(new).status == 200
    assert not doors.manifest(withdrawn.json["next_cursor"]).json["starts_over"]


def test_both_qrs_of_a_reissued_ticket_admit_until_the_key_is_withdrawn(doors: Doors, ring: KeyRing) -> None:
    (old,) = doors.sell(max_entries=3)
    cursor = doors.manifest().json["next_cursor"]
    new = reissue(doors, ring, old)
    assert (new.key_id, new.qr != old.qr) == (2, True)

    changed = doors.manifest(cursor).json
    assert tickets_in(changed) == {manifest_hash(new.qr): (3, 1), manifest_hash(old.qr): (3, 1)}
    assert [doors.scan(ticket).status for ticket in (old, new)] == [200, 200]

    withdraw(ring, "1")
    assert tickets_in(doors.manifest(changed["next_cursor"]).json) == {
        manifest_hash(new.qr): (1, 1),
        manifest_hash(old.qr): (-4, 1),
    }
    assert doors.scan(old).code == "withdrawn"
    assert doors.admit(old.id).status == 200
    assert doors.scan(new).code == "already_scanned"
    invariants.check(doors.conn)


def test_a_device_without_a_network_admits_by_what_it_has_read(doors: Doors, ring: KeyRing) -> None:
    """It lets the old QR in, though the key is withdrawn by then. The ticket admits nobody a second time."""
    (old,) = doors.sell()
    device = OfflineScanner("A")
    device.read(doors.manifest().json)
    new = reissue(doors, ring, old)
    withdraw(ring, "1")
    assert device.scan(new.qr, NOW) == "forged"  # it does not know that QR yet: the guest list helps
    assert device.scan(old.qr, NOW) == "admitted"

    synced = doors.sync("A", *device.unsent)

    assert [result["outcome"] for result in synced.json["results"]] == ["admitted"]
    device.sent(device.unsent)
    device.read(doors.manifest(device.cursor).json)
    assert [device.scan(qr, NOW) for qr in (old.qr, new.qr)] == ["already_scanned", "already_scanned"]
    assert doors.scan(new).code == "already_scanned"
    invariants.check(doors.conn)


def test_two_devices_that_let_both_qrs_in_are_reported(doors: Doors, ring: KeyRing) -> None:
    (old,) = doors.sell()
    new = reissue(doors, ring, old)
    doors.sync("A", offline(1, old, 20))

    late = doors.sync("B", offline(1, new, 10))

    assert [result["outcome"] for result in late.json["results"]] == ["already_scanned"]
    assert [conflict["outcome"] for conflict in doors.conflicts()] == ["already_scanned"]
    invariants.check(doors.conn)


def test_a_transfer_ends_the_qrs_from_before_a_reissue_too(doors: Doors, ring: KeyRing) -> None:
    (old,) = doors.sell()
    reissued = reissue(doors, ring, old)
    transferred = doors.transfer(reissued)

    assert [doors.scan(ticket).code for ticket in (old, reissued)] == ["transferred", "transferred"]
    assert tickets_in(doors.manifest().json) == {
        manifest_hash(old.qr): (-2, 1),
        manifest_hash(reissued.qr): (-2, 1),
        manifest_hash(transferred.qr): (1, 1),
    }
    early = doors.sync("A", offline(1, old, 30))
    assert [result["outcome"] for result in early.json["results"]] == ["admitted"]  # before the transfer
    invariants.check(doors.conn)


def test_a_ticket_that_is_reissued_twice_knows_all_its_qrs(doors: Doors, ring: KeyRing) -> None:
    (first,) = doors.sell(max_entries=3)
    second = reissue(doors, ring, first)
    third = reissue(doors, ring, second)

    assert [doors.scan(ticket).status for ticket in (first, second, third)] == [200, 200, 200]


def test_a_refunded_ticket_is_not_reissued(doors: Doors, ring: KeyRing) -> None:
    (ticket,) = doors.sell()
    doors.refund(ticket)

    assert reissue(doors, ring, ticket).qr == ticket.qr
    assert doors.scan(ticket).code == "refunded"


def test_a_manifest_is_compressed_if_the_device_accepts_that(doors: Doors) -> None:
    doors.sell(50)
    path = f"/v1/events/{doors.event}/scan-manifest"

    plain = doors.api.get(path, account=doors.scanner)
    packed = doors.api.get(path, account=doors.scanner, headers={"Accept-Encoding": "gzip, br"})

    assert packed.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body))["tickets"] == plain.json["tickets"]
    assert len(packed.body) < len(plain.body)


def test_fifty_thousand_tickets_fit_into_two_megabytes(doors: Doors) -> None:
    empty = len(doors.manifest().body)
    doors.sell(200, max_entries=2)
    doors.sell(200)

    a_ticket = (len(doors.manifest().body) - empty) / 400

    assert a_ticket * MOST_TICKETS < 2_000_000


def test_a_cursor_of_another_database_starts_over(doors: Doors, database: Database) -> None:
    doors.sell()
    cursor = doors.manifest().json["next_cursor"]
    from boxoffice.pagination import encode

    assert not doors.manifest(cursor).json["starts_over"]
    assert doors.manifest(encode(0, 10**17, 0, UUID(int=0))).json["starts_over"]
    assert doors.manifest("nonsense").status == 422
    assert doors.manifest(encode(0, 1)).status == 422


def test_a_ticket_that_changed_often_appears_once_in_its_latest_state(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=5)
    cursor = doors.manifest().json["next_cursor"]
    for _ in range(4):
        doors.scan(ticket)

    assert tickets_in(doors.manifest(cursor).json) == {manifest_hash(ticket.qr): (1, 1)}
    invariants.check(doors.conn)


@pytest.mark.parametrize("limit", ["0", "50001", "many"])
def test_an_invalid_limit_is_refused(doors: Doors, limit: str) -> None:
    assert doors.manifest(limit=limit).code == "invalid"


def test_only_members_of_the_organisation_read_the_manifest(doors: Doors) -> None:
    path = f"/v1/events/{doors.event}/scan-manifest"
    rival = factories.member(doors.conn, factories.organisation(doors.conn), "owner")

    assert doors.api.get(path).status == 401
    assert doors.api.get(path, account=rival).status == 404
