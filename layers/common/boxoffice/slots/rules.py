"""Decisions about the slots of a place, and about a claim that is scanned."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any

from boxoffice.masking import masked
from boxoffice.slots.errors import CapacityTooLow, WrongPlace
from boxoffice.slots.models import ClaimRow, ClaimScanRequest, SlotRow
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged
from boxoffice.times import zone_of

CLAIM = qr.Kind("BC1:", "claim")


def slots_to_withdraw(free: Sequence[int], count: int) -> Sequence[int]:
    """Choose the slots that a shrinking place withdraws: the highest of the free ones, so that numbers stay low.

    Raises:
        CapacityTooLow: fewer slots than that are free.
    """
    if count > len(free):
        raise CapacityTooLow(free_slots=len(free))
    return sorted(free)[len(free) - count :]


def midnight(now: datetime, time_zone: str) -> datetime:
    """Return the moment at which today began in a time zone."""
    zone = zone_of(time_zone)
    return datetime.combine(now.astimezone(zone), time.min, zone)


def masked_customer(customer: dict[str, Any]) -> dict[str, Any]:
    """Return a customer as people at the door see them."""
    return {**customer, "email": masked(customer["email"]), "phone": masked(customer["phone"])}


def masked_slot(slot: SlotRow) -> SlotRow:
    """Return a slot whose customer is shown as people at the door see them."""
    if slot.claim is None:
        return slot
    return replace(slot, claim={**slot.claim, "customer": masked_customer(slot.claim["customer"])})


def check_scanned(claim: ClaimRow, text: str, request: ClaimScanRequest) -> None:
    """Let a QR pass that belongs to the claim it names, at the place where it is scanned.

    Raises:
        Forged: the QR is not this claim's. The error states nothing about the claim.
        WrongPlace: the claim is on a slot of another place, which the error names.
    """
    if claim.qr_hash != qr.hash_of(text):
        raise Forged
    if request.service_id not in (None, claim.place_id):
        raise WrongPlace(service_id=claim.place_id, service_name=claim.place_name)
