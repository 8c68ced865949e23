"""Why a payout method cannot be added or removed, and why money is not paid out."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from boxoffice.errors import DomainError


class TooManyPayoutMethods(DomainError):
    code = "too_many_payout_methods"
    meaning = "The organisation has {most} payout methods, which is the most."
    remedy = "Remove one that you no longer need."
    most: int


class PayoutMethodInUse(DomainError):
    code = "payout_method_in_use"
    meaning = "The payout {payout_id} to this account is approved, and may be under way."
    remedy = (
        "Remove the method once the payout is sent. If the account is not yours, ask an admin to reject the payout."
    )
    payout_id: UUID


class PayoutMethodWaits(DomainError):
    code = "payout_method_waits"
    meaning = "The payout method is new. It can be used from {usable_from} on."
    remedy = "Wait until then, or choose another method."
    usable_from: datetime


class PayoutsStopped(DomainError):
    code = "payouts_stopped"
    meaning = "Only an approved organisation is paid out. This one is {organisation_status}."
    remedy = "Try again once the organisation is approved."
    organisation_status: str


class BalanceTooLow(DomainError):
    code = "balance_too_low"
    meaning = "Only {payable} of the balance in {currency} can be paid out, in the minor unit."
    remedy = "Ask for less, or wait until more is available."
    payable: int
    currency: str
    currency_exponent: int


class PayoutTooSmall(DomainError):
    code = "payout_too_small"
    meaning = "A payout in {currency} is at least {minimum}, in the minor unit."
    remedy = "Ask for more, or wait until more is available."
    minimum: int
    currency: str
    currency_exponent: int


class PayoutDecisionNotPossible(DomainError):
    code = "payout_decision_not_possible"
    meaning = "The payout is {payout_status}. What can be decided: {decisions}."
    remedy = "Read the payout again, and choose one of `decisions`."
    payout_status: str
    decisions: Sequence[str]


class OwnPayout(DomainError):
    code = "own_payout"
    meaning = "You have asked for this payout yourself, or are a member of its organisation."
    remedy = "Let another admin approve it, who has nothing to do with it."


class NoPayoutsToSend(DomainError):
    code = "no_payouts_to_send"
    meaning = "No approved payout waits for such a file."
    remedy = "Approve payouts first. One that stands in a file already is downloaded with that file."


class PayoutFileOver(DomainError):
    code = "payout_file_over"
    meaning = "No payout of this file is to be sent: it is sent, rejected, or its organisation is suspended."
    remedy = "Make another file for those that are approved since."


class SenderUnknown(DomainError):
    code = "payout_sender_unknown"
    meaning = "The platform has not said from which account it pays out."
    remedy = "Set `payout_sender_name` and `payout_sender_iban` in the platform's settings."


class AccountUnreadable(DomainError):
    code = "payout_account_unreadable"
    meaning = "The account number of the payout {payout_id} cannot be decrypted. Somebody may have changed it."
    remedy = "Reject the payout, and ask an owner to remove the method and add it again."
    payout_id: UUID


# Why an organisation gets no payout.
NOT_PAYABLE = (PayoutMethodWaits, PayoutsStopped, BalanceTooLow, PayoutTooSmall)

# Why an admin cannot decide so.
NOT_DECIDABLE = (PayoutDecisionNotPossible, OwnPayout, PayoutsStopped)
