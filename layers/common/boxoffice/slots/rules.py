"""What may be done with a service and a claim."""

from collections.abc import Sequence
from datetime import datetime, time

from boxoffice.slots.errors import CapacityTooLow, WrongService
from boxoffice.slots.models import ClaimRow, ClaimScanRequest
from boxoffice.tickets import qr
from boxoffice.tickets.errors import Forged

CLAIM = qr.Kind("BC1:", "claim")


def to_withdraw(free: Sequence[int], fewer: int) -> Sequence[int]:
    """Which of the free slots a service that shrinks does without: the highest, so that numbers stay low.

    Raises:
        CapacityTooLow: it has not as many; the others are taken.
    """
    if fewer > len(free):
        raise CapacityTooLow(free_slots=len(free))
    return sorted(free)[len(free) - fewer :]


def midnight(now: datetime, time_zone: str) -> datetime:
    """When the day began at a place."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(time_zone)
    return datetime.combine(now.astimezone(zone), time.min, zone)


def check_scanned(claim: ClaimRow, text: str, request: ClaimScanRequest) -> None:
    """Whether a QR is the claim's that it names, and shown where it belongs.

    Raises:
        Forged: it is not the claim's. Nothing of the claim is told.
        WrongService: it is for another place; which one, is told.
    """
    if claim.qr_hash != qr.hash_of(text):
        raise Forged
    if request.service_id not in (None, claim.service_id):
        raise WrongService(service_id=claim.service_id, service_name=claim.service_name)
