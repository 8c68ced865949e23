"""What can be wrong with a voucher."""

from datetime import datetime

from boxoffice.errors import AmountOffStep, DomainError


class VoucherNotFound(DomainError):
    status = 404
    code = "voucher_not_found"
    meaning = "None of the order's events has a voucher with this code."
    remedy = "Check the code, or order without it."


class VoucherExpired(DomainError):
    code = "voucher_expired"
    meaning = "The voucher was valid until {valid_until}."
    remedy = "Order without it."
    valid_until: datetime


class VoucherNotApplicable(DomainError):
    status = 422
    code = "voucher_not_applicable"
    meaning = "The voucher does not cover any ticket type of the order."
    remedy = "Order ticket types that the voucher covers, or order without it."


class VoucherUnlocksFewer(DomainError):
    status = 422
    code = "voucher_unlocks_fewer"
    meaning = "The voucher unlocks {max_tickets_per_redemption} hidden tickets an order at the most."
    remedy = "Order fewer of the hidden ticket types."
    max_tickets_per_redemption: int


class VoucherUsedUp(DomainError):
    code = "voucher_used_up"
    meaning = "The voucher {voucher} has no redemptions left."
    remedy = "Order without it."
    voucher: str


class CodeTaken(DomainError):
    code = "code_taken"
    meaning = "The event already has a voucher with this code."
    remedy = "Choose another code."
    constraint = "vouchers_live_code"


class ValidityEmpty(DomainError):
    status = 422
    code = "validity_empty"
    meaning = "`valid_until` must be later than `valid_from`."
    remedy = "Set a later `valid_until` or an earlier `valid_from`."
    constraint = "vouchers_validity"


class VoucherWithoutUse(DomainError):
    status = 422
    code = "voucher_without_use"
    meaning = "A voucher must give a discount, unlock hidden ticket types, or both."
    remedy = "Set `discount` or `unlocks_hidden`."
    constraint = "vouchers_use"


# Why an order cannot redeem a code.
NOT_REDEEMABLE = (VoucherNotFound, VoucherExpired, VoucherNotApplicable, VoucherUnlocksFewer, VoucherUsedUp)

# Why a voucher cannot be stored: its fields contradict each other, or another voucher has its code.
INVALID_VOUCHER = (CodeTaken, AmountOffStep, ValidityEmpty, VoucherWithoutUse)
