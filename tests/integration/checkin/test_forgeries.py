"""Any text that is not a ticket's own QR is refused, and nothing breaks."""

import base64
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from boxoffice.config import settings as config
from boxoffice.signing import key
from boxoffice.tickets import qr
from tests.helpers import factories, invariants
from tests.helpers.doors import Doors, open_doors
from tests.helpers.factories import NOW
from tests.helpers.offline_scanner import OfflineScanner
from tests.helpers.support import Client

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
MANY = settings(
    max_examples=1000, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def genuine(doors: Doors) -> str:
    """Return the QR of a valid ticket."""
    return doors.sell()[0].qr


def refused(doors: Doors, text: str) -> bool:
    """Return True if a text is refused online and offline, and no ticket has an entry."""
    answer = doors.scan(text)
    assert answer.status in {404, 409, 422}, answer.body
    synced = doors.sync("A", {"sequence": 1, "qr": text, "at": NOW.isoformat()})
    assert synced.status == 200, synced.body
    assert [result["outcome"] for result in synced.json["results"]] == ["forged"]
    return doors.conn.execute("SELECT sum(entries) FROM tickets").fetchone() == (0,)


@MANY
@given(text=st.text(max_size=500))
def test_any_text_is_refused(doors: Doors, genuine: str, text: str) -> None:
    answer = doors.scan(text)

    assert (answer.status, answer.code) in {(422, "forged"), (422, "invalid")}


@MANY
@given(content=st.binary(min_size=30, max_size=40), prefix=st.sampled_from(["BO1:", "BC1:", "BO2:", ""]))
def test_a_text_that_looks_like_a_ticket_is_refused(doors: Doors, genuine: str, content: bytes, prefix: str) -> None:
    text = prefix + base64.b32encode(content).decode().rstrip("=")

    assert doors.scan(text).status in {404, 422}


@settings(MANY, max_examples=500)
@given(place=st.integers(4, 59), letter=st.sampled_from(_BASE32))
def test_a_qr_with_one_character_changed_is_refused(doors: Doors, genuine: str, place: int, letter: str) -> None:
    text = genuine[:place] + letter + genuine[place + 1 :]

    assert text == genuine or refused(doors, text)


@settings(MANY, max_examples=200)
@given(cut=st.slices(60))
def test_a_part_of_a_qr_is_refused(doors: Doors, genuine: str, cut: slice) -> None:
    text = genuine[cut]

    assert text == genuine or refused(doors, text)


@settings(MANY, max_examples=300)
@given(
    key_id=st.integers(0, 255),
    transfer_count=st.integers(0, 2**16 - 1),
    other_ticket=st.uuids(),
    master=st.binary(max_size=64),
)
def test_a_qr_signed_with_another_key_is_refused(
    doors: Doors, genuine: str, key_id: int, transfer_count: int, other_ticket: UUID, master: bytes
) -> None:
    content = qr.read(genuine)
    assert content is not None
    ticket_id = content.subject_id

    assert refused(doors, qr.text_of(master, key_id, transfer_count, doors.organisation, ticket_id))
    assert refused(doors, qr.text_of(master, 1, transfer_count, doors.organisation, other_ticket))


@settings(MANY, max_examples=100)
@given(transfer_count=st.integers(1, 2**16 - 1))
def test_a_qr_of_another_transfer_count_or_organisation_is_refused_even_with_our_key(
    doors: Doors, genuine: str, transfer_count: int
) -> None:
    content, master = qr.read(genuine), key(config().ticket_keys_secret, "1")
    assert content is not None
    assert master is not None

    assert refused(doors, qr.text_of(master, 1, transfer_count, doors.organisation, content.subject_id))
    assert refused(doors, qr.text_of(master, 1, 0, UUID(int=transfer_count), content.subject_id))


def test_a_forgery_is_told_even_if_its_sequence_was_used_for_the_ticket(doors: Doors) -> None:
    """A device that repeats a number must not let in whoever has guessed the ticket's id."""
    (ticket,) = doors.sell(max_entries=3)
    content = qr.read(ticket.qr)
    assert content is not None
    forged = qr.text_of(b"another key", content.key_id, content.transfer_count, doors.organisation, ticket.id)
    numbered = {"device_id": "phone", "sequence": 1}
    assert doors.scan(ticket, **numbered).status == 200

    assert (doors.scan(forged, **numbered).status, doors.scan(forged, **numbered).code) == (422, "forged")
    assert doors.scan(ticket, **numbered).status == 200  # the first scan again
    assert doors.scan(forged, device_id="phone", sequence=2).code == "forged"
    assert doors.scan(ticket, device_id="phone", sequence=2).code == "sequence_reused"
    assert doors.conn.execute("SELECT entries FROM tickets").fetchone() == (1,)
    invariants.check(doors.conn)


@pytest.mark.parametrize(
    "spoil",
    [
        str.lower,
        str.swapcase,
        lambda text: "\ufeff" + text,
        lambda text: f"\r\n {text}\t\r\n",
        lambda text: "\r\n".join((text[:30], text[30:])),
        lambda text: "\u200b".join(text),
        lambda text: "".join(chr(ord(char) + 0xFEE0) for char in text),  # full width
    ],
)
def test_a_qr_is_known_however_a_scanner_sends_it(doors: Doors, spoil: Callable[[str], str]) -> None:
    (ticket,) = doors.sell(max_entries=2)
    device = OfflineScanner("A")
    device.read(doors.manifest().json)

    assert device.scan(spoil(ticket.qr), NOW) == "admitted"
    assert doors.scan(spoil(ticket.qr)).status == 200
    assert [result["outcome"] for result in doors.sync("A", *device.unsent).json["results"]] == ["admitted"]
    invariants.check(doors.conn)


def test_foreign_used_former_and_old_qrs_are_refused_at_each_scan(doors: Doors, api: Client, conn: Connection) -> None:
    (foreign,) = open_doors(api, conn).sell()
    used, transferred = doors.sell(2)
    doors.scan(used)
    doors.transfer(transferred)
    over = factories.event(
        conn, organisation_id=doors.organisation, starts_at=NOW - timedelta(days=3), ends_at=NOW - timedelta(days=2)
    )
    (expired,) = Doors(api, conn, doors.organisation, over, doors.scanner, doors.manager).sell()

    for _ in range(50):
        assert doors.scan(foreign).status == 404
        assert doors.scan(used).code == "already_scanned"
        assert doors.scan(transferred).code == "transferred"
        assert doors.scan(expired).code == "event_over"
        assert doors.scan(expired, event_id=str(doors.event)).code == "wrong_event"
    invariants.check(conn)
