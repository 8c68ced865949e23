"""Why a place, a slot or a claim cannot be as asked. The codes call a place a service, as the rest of the API does."""

from uuid import UUID

from boxoffice.errors import DomainError


class PlaceFull(DomainError):
    code = "service_full"
    meaning = "Every slot of {service_name} is taken; it has {capacity}."
    remedy = "Wait until a slot is released, or raise the capacity."
    service_name: str
    capacity: int


class CapacityTooLow(DomainError):
    code = "capacity_too_low"
    meaning = "Too many slots are taken: the capacity can shrink by {free_slots} at the most."
    remedy = "Release some slots, or shrink the capacity by less."
    free_slots: int


class PlaceEventNotFound(DomainError):
    status = 404
    code = "event_not_found"
    meaning = "The organisation has no such event."
    remedy = "Check `event_id`, or leave it out."


class AccountNotFound(DomainError):
    status = 404
    code = "account_not_found"
    meaning = "There is no such account."
    remedy = "Name the customer by email or phone."
    constraint = "customers_account_id_fkey"


class WrongPlace(DomainError):
    code = "wrong_service"
    meaning = "The claim is on a slot of {service_name}."
    remedy = "Send the customer there."
    service_id: UUID
    service_name: str


class ClaimKeyRetired(DomainError):
    code = "claim_key_retired"
    meaning = "The key that signed this claim's QR has been withdrawn, so the QR is no longer valid."
    remedy = "Release the claim and make a new one."
