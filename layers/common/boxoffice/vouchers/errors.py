"""What can be wrong with a voucher."""

from boxoffice.errors import DomainError


class VoucherNotFound(DomainError):
    status = 404
    code = "voucher_not_found"
    detail = "There is no voucher with this code for what the order holds."


class VoucherExpired(DomainError):
    code = "voucher_expired"
    detail = "The voucher is no longer valid."


class VoucherNotApplicable(DomainError):
    status = 422
    code = "voucher_not_applicable"
    detail = "The voucher is for other ticket types than the order holds."


class VoucherUsedUp(DomainError):
    code = "voucher_used_up"
    detail = "The voucher has been redeemed as often as it can be."


class CodeTaken(DomainError):
    code = "code_taken"
    detail = "The event has a voucher with this code already."
    constraint = "vouchers_live_code"


class ValidityEmpty(DomainError):
    status = 422
    code = "validity_empty"
    detail = "valid_until comes after valid_from."
    constraint = "vouchers_window"


class VoucherWithoutUse(DomainError):
    status = 422
    code = "voucher_without_use"
    detail = "A voucher has a discount, or unlocks hidden ticket types."
    constraint = "vouchers_use"
