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
from boxoffice.tickets import qr
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, offline
from tests.helpers.rings import KeyRing
from tests.helpers.support import Database


def hash_of(text: str) -> str:
    """The hash of a QR as a manifest has it."""
    return b64encode(qr.hash_of(text)[:16], b"-_").decode().rstrip("=")


def entries(manifest: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """What a manifest says of each hash: entries left, and people."""
    return {hashed: (left, people) for rows in manifest["tickets"].values() for hashed, left, people in rows}


def test_it_holds_all_that_a_device_needs(doors: Doors) -> None:
    first, second = doors.sell(2, name="Standing", max_entries=3)
    (group,) = doors.sell(name="Table")
    doors.conn.execute("UPDATE tickets SET group_size = 6 WHERE id = %s", [group.id])
    doors.scan(first)

    manifest = doors.manifest().json

    assert manifest["whole"]
    assert not manifest["more"]
    assert [kind["name"] for kind in manifest["ticket_types"]] == ["Standing", "Table"]
    assert entries(manifest) == {
        hash_of(first.qr): (2, 1),
        hash_of(second.qr): (3, 1),
        hash_of(group.qr): (1, 6),
    }


def test_it_holds_no_secret_and_names_nobody(doors: Doors) -> None:
    (ticket,) = doors.sell()
    doors.transfer(ticket)

    body = doors.manifest().body.decode()

    for secret in ("Ada", "Bola", "@", str(ticket.id), ticket.id.hex, ticket.qr[4:20], str(ticket.order_id)):
        assert secret not in body


def test_the_changes_since_a_cursor_are_new_transferred_refunded_and_used_tickets(doors: Doors) -> None:
    used, refunded, passed, undone, synced, _ = doors.sell(6)
    scan_id = doors.scan(undone).json["scan_id"]
    cursor = doors.manifest().json["next_cursor"]

    assert entries(doors.manifest(cursor).json) == {}
    doors.scan(used)
    doors.refund(refunded)
    newer = doors.transfer(passed)
    doors.undo(scan_id)
    doors.sync("A", offline(1, synced, 5))
    (new,) = doors.sell()
    changes = doors.manifest(cursor).json

    assert not changes["whole"]
    assert entries(changes) == {
        hash_of(used.qr): (0, 1),
        hash_of(refunded.qr): (-1, 1),
        hash_of(passed.qr): (-2, 1),
        hash_of(newer.qr): (1, 1),
        hash_of(undone.qr): (1, 1),
        hash_of(synced.qr): (0, 1),
        hash_of(new.qr): (1, 1),
    }
    assert entries(doors.manifest(changes["next_cursor"]).json) == {}


def test_no_change_is_missed_whose_transaction_was_open_while_others_committed(
    doors: Doors, database: Database
) -> None:
    slow, fast = doors.sell(2)
    with psycopg.connect(database.api_url) as open_one:
        open_one.execute("UPDATE tickets SET status = 'refunded' WHERE id = %s", [slow.id])  # not committed yet
        cursor = doors.manifest().json["next_cursor"]
        doors.scan(fast)  # a later transaction, which commits before

        meanwhile = doors.manifest(cursor).json
        open_one.commit()
    afterwards = doors.manifest(meanwhile["next_cursor"]).json

    assert entries(meanwhile)[hash_of(fast.qr)] == (0, 1)
    assert entries(afterwards)[hash_of(slow.qr)] == (-1, 1)
    assert entries(doors.manifest(afterwards["next_cursor"]).json) == {}


def test_an_open_transaction_elsewhere_holds_no_change_back(doors: Doors, database: Database) -> None:
    (ticket,) = doors.sell()
    with psycopg.connect(database.api_url) as elsewhere:
        elsewhere.execute("UPDATE events SET title = 'Slow' WHERE id = %s", [doors.event])
        cursor = doors.manifest().json["next_cursor"]
        doors.scan(ticket)

        meanwhile = doors.manifest(cursor).json
    afterwards = doors.manifest(meanwhile["next_cursor"]).json

    assert entries(meanwhile) == entries(afterwards) == {hash_of(ticket.qr): (0, 1)}  # rather twice than late
    assert entries(doors.manifest(afterwards["next_cursor"]).json) == {}


def test_a_long_manifest_comes_in_pages_and_misses_nothing_that_changes_meanwhile(doors: Doors) -> None:
    tickets = doors.sell(7)
    known: dict[str, tuple[int, int]] = {}
    page = doors.manifest(limit=3).json
    wholes = [page["whole"]]
    known |= entries(page)
    doors.scan(tickets[0])
    while page["more"]:
        page = doors.manifest(page["next_cursor"], limit=3).json
        wholes.append(page["whole"])
        known |= entries(page)
    known |= entries(doors.manifest(page["next_cursor"]).json)

    assert wholes[0]
    assert not any(wholes[1:])
    assert known == {hash_of(ticket.qr): (0 if ticket is tickets[0] else 1, 1) for ticket in tickets}


def test_it_is_sent_again_only_if_something_has_changed(doors: Doors) -> None:
    (ticket,) = doors.sell()
    etag = doors.manifest().headers["etag"]

    unchanged = doors.manifest(etag=etag)
    doors.scan(ticket)
    changed = doors.manifest(etag=etag)
    renamed = changed.headers["etag"]
    doors.api.patch(f"/v1/events/{doors.event}", {"title": "Jazz again"}, account=doors.manager)

    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
    assert changed.status == 200
    assert doors.manifest(etag=renamed).status == 200
    assert doors.manifest(etag='"1.2"').status == 200
    assert doors.manifest(etag="*").status == 200


def test_what_a_withdrawn_key_has_signed_is_left_out(
    doors: Doors, aws_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing()
    monkeypatch.setenv("TICKET_KEYS_SECRET", ring.id)
    config.settings.cache_clear()
    (old,) = doors.sell()
    ring.rotate()
    config.forget_secrets()
    (new,) = doors.sell()
    rotated = doors.manifest()

    ring.take_out("1")
    config.forget_secrets()
    withdrawn = doors.manifest(etag=rotated.headers["etag"])

    assert set(entries(rotated.json)) == {hash_of(old.qr), hash_of(new.qr)}
    assert set(entries(withdrawn.json)) == {hash_of(new.qr)}
    assert doors.scan(old).code == "forged"


def test_it_is_compressed_for_those_who_accept_it(doors: Doors) -> None:
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


def test_a_cursor_of_another_database_begins_anew(doors: Doors, database: Database) -> None:
    doors.sell()
    cursor = doors.manifest().json["next_cursor"]
    from boxoffice.pagination import encode

    assert not doors.manifest(cursor).json["whole"]
    assert doors.manifest(encode(0, 10**17, UUID(int=0))).json["whole"]
    assert doors.manifest("nonsense").status == 422
    assert doors.manifest(encode(0, 1)).status == 422


def test_the_same_ticket_changed_over_and_over_is_told_as_it_stands(doors: Doors) -> None:
    (ticket,) = doors.sell(max_entries=5)
    cursor = doors.manifest().json["next_cursor"]
    for _ in range(4):
        doors.scan(ticket)

    assert entries(doors.manifest(cursor).json) == {hash_of(ticket.qr): (1, 1)}
    invariants.check(doors.conn)


@pytest.mark.parametrize("limit", ["0", "50001", "many"])
def test_a_limit_that_makes_no_sense_is_refused(doors: Doors, limit: str) -> None:
    assert doors.manifest(limit=limit).code == "invalid"


def test_it_is_for_the_organisations_own_people(doors: Doors) -> None:
    path = f"/v1/events/{doors.event}/scan-manifest"
    rival = factories.member(doors.conn, factories.organisation(doors.conn), "owner")

    assert doors.api.get(path).status == 401
    assert doors.api.get(path, account=rival).status == 404
