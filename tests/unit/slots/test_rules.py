"""The slots that a shrinking place withdraws, the start of a day, and the QR of a claim."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from boxoffice.slots import rules
from boxoffice.slots.errors import CapacityTooLow, WrongPlace
from boxoffice.slots.models import ClaimRow, ClaimScanRequest
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged

MASTER = b"a master key"
ORGANISATION = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b001")
CLAIM = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b006")
TEXT = qr.text_of(MASTER, 1, 0, ORGANISATION, CLAIM, rules.CLAIM)


def test_the_highest_free_slots_are_withdrawn_first() -> None:
    assert rules.slots_to_withdraw([2, 3, 5, 9], 2) == [5, 9]
    assert rules.slots_to_withdraw([9, 2, 5, 3], 4) == [2, 3, 5, 9]
    assert rules.slots_to_withdraw([2], 0) == []


def test_no_more_slots_are_withdrawn_than_are_free() -> None:
    with pytest.raises(CapacityTooLow):
        rules.slots_to_withdraw([2, 3], 3)


@pytest.mark.parametrize(
    ("zone", "began"),
    [
        ("UTC", datetime(2026, 3, 29, tzinfo=UTC)),
        ("Africa/Lagos", datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 3, 29, 10, tzinfo=UTC)),
        ("Pacific/Pago_Pago", datetime(2026, 3, 28, 11, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC)),  # an hour is left out in the night of this day
    ],
)
def test_a_day_begins_at_midnight_in_the_time_zone(zone: str, began: datetime) -> None:
    assert rules.midnight(datetime(2026, 3, 29, 10, 30, tzinfo=UTC), zone) == began


def test_the_text_of_a_qr_never_changes_since_customers_have_it() -> None:
    assert TEXT == "BC1:AEAAAAMYD5WHWAD2CGGD4XJPICQ3ABQF3FGLXR6X3WGJ2FCGVWFU43HT"


def test_the_text_of_a_claim_is_not_that_of_a_ticket_and_proves_none() -> None:
    ticket = qr.text_of(MASTER, 1, 0, ORGANISATION, CLAIM)

    assert qr.read(TEXT) is None
    assert qr.read(ticket, rules.CLAIM) is None
    assert TEXT.removeprefix("BC1:") != ticket.removeprefix("BO1:")


def claim() -> ClaimRow:
    return ClaimRow(
        id=CLAIM,
        organisation_id=ORGANISATION,
        place_id=ORGANISATION,
        place_name="Hats",
        capacity=10,
        slot=7,
        customer={},
        note=None,
        qr_hash=qr.hash_of(TEXT),
        claimed_at=datetime(2026, 1, 1, tzinfo=UTC),
        released_at=None,
    )


def test_a_claim_takes_its_own_text_at_its_own_place() -> None:
    rules.check_scanned(claim(), TEXT, ClaimScanRequest(qr=TEXT))
    rules.check_scanned(claim(), TEXT, ClaimScanRequest(qr=TEXT, service_id=ORGANISATION))
    with pytest.raises(Forged):
        rules.check_scanned(claim(), TEXT + "A", ClaimScanRequest(qr=TEXT))
    with pytest.raises(WrongPlace) as refusal:
        rules.check_scanned(claim(), TEXT, ClaimScanRequest(qr=TEXT, service_id=uuid4()))
    assert refusal.value.facts == {"service_id": ORGANISATION, "service_name": "Hats"}
