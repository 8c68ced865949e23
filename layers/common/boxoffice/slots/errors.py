"""What can be wrong with a service, a slot or a claim."""

from uuid import UUID

from boxoffice.errors import DomainError


class ServiceFull(DomainError):
    code = "service_full"
    meaning = "Every slot is taken."
    remedy = "Wait until one is released, or raise the capacity."


class CapacityTooLow(DomainError):
    code = "capacity_too_low"
    meaning = "Too many slots are taken: the capacity can shrink by {free_slots} at the most."
    remedy = "Release some, or shrink it less."
    free_slots: int


class ServiceEventNotFound(DomainError):
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


class WrongService(DomainError):
    code = "wrong_service"
    meaning = "The claim is on a slot of {service_name}."
    remedy = "Send its customer there."
    service_id: UUID
    service_name: str


class ClaimKeyRetired(DomainError):
    code = "claim_key_retired"
    meaning = "The key that signed this claim has been withdrawn, and its QR with it."
    remedy = "Release the claim and make a new one."
