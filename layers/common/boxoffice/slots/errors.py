"""What can be wrong with a service, a slot or a claim."""

from boxoffice.errors import DomainError


class ServiceFull(DomainError):
    code = "service_full"
    detail = "Every slot is taken."


class CapacityTooLow(DomainError):
    code = "capacity_too_low"
    detail = "The capacity cannot be less than the slots that are taken."


class ServiceEventNotFound(DomainError):
    status = 404
    code = "event_not_found"
    detail = "The organisation has no such event."


class AccountNotFound(DomainError):
    status = 404
    code = "account_not_found"
    detail = "There is no such account."
    constraint = "customers_account_id_fkey"


class ForgedClaim(DomainError):
    status = 422
    code = "forged"
    detail = "This is no claim of ours. Hand nothing over."


class WrongService(DomainError):
    code = "wrong_service"
    detail = "The claim is on a slot of another service."


class ClaimKeyRetired(DomainError):
    code = "claim_key_retired"
    detail = "The key that signed this claim has been withdrawn, and its QR with it."
