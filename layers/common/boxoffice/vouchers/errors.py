"""What can be wrong with a voucher."""

from datetime import datetime

from boxoffice.errors import DomainError


class VoucherNotFound(DomainError):
    status = 404
    code = "voucher_not_found"
    meaning = "There is no voucher with this code for what the order holds."
    remedy = "Check the code, or order without it."


class VoucherExpired(DomainError):
    code = "voucher_expired"
    meaning = "The voucher is no longer valid."
    remedy = "Order without it."
    valid_until: datetime


class VoucherNotApplicable(DomainError):
    status = 422
    code = "voucher_not_applicable"
    meaning = "The voucher is for other ticket types than the order holds."
    remedy = "Order those, or order without it."


class VoucherUsedUp(DomainError):
    code = "voucher_used_up"
    meaning = "The voucher has been redeemed as often as it can be."
    remedy = "Order without it."


class CodeTaken(DomainError):
    code = "code_taken"
    meaning = "The event has a voucher with this code already."
    remedy = "Choose another code."
    constraint = "vouchers_live_code"


class ValidityEmpty(DomainError):
    status = 422
    code = "validity_empty"
    meaning = "The voucher would end before it begins."
    remedy = "Set `valid_until` later than `valid_from`."
    constraint = "vouchers_validity"


class VoucherWithoutUse(DomainError):
    status = 422
    code = "voucher_without_use"
    meaning = "A voucher has a discount, or unlocks hidden ticket types."
    remedy = "Give it one of the two."
    constraint = "vouchers_use"


# Why an order cannot redeem a code.
NOT_REDEEMABLE = (VoucherNotFound, VoucherExpired, VoucherNotApplicable, VoucherUsedUp)

# What a voucher can say that does not fit together, or not beside the others.
INVALID_VOUCHER = (CodeTaken, ValidityEmpty, VoucherWithoutUse)
