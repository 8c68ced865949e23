"""The kinds of transfers, each with the accounts that it takes money from and to. The schema has the same list.

An organisation has each account for each currency, and for each holder: who has the money. The platform holds what came
through its own accounts at providers. An organisation holds what it took by its own account there, or by hand.

In an accountant's words, a transfer debits the account that it takes from and credits the one that it takes to. So the
accounts of what the platform has (`at_provider`, `bank`) have balances of 0 or less, and all balances add up to 0.
"""

from dataclasses import dataclass
from typing import Literal

type Account = Literal[
    "at_provider",  # what a provider holds for us, and pays to our bank
    "bank",  # our bank account
    "received",  # what buyers paid and no order has taken: too much, too late, or about to be taken
    "pending",  # what an organisation has earned with events that are not released yet
    "tax",  # the part of that which is tax
    "available",  # what an organisation may be paid out
    "in_payout",  # what is requested or approved, and not sent yet
    "owed_to_buyers",  # refunds that are owed and not sent yet
    "disputed",  # what payers dispute
    "platform_income",  # the platform's fees
    "platform_costs",  # what providers charge to the platform itself
    "exchange",  # what providers have converted from this currency, or to it: gains and losses of their rates
]

type Holder = Literal["platform", "organisation"]


@dataclass(frozen=True)
class Kind:
    """A kind of transfer.

    Attributes:
        of_event: True if each such transfer names an event.
    """

    from_account: Account
    to_account: Account
    of_event: bool = False


KINDS = {
    # Money comes, and pays an order.
    "receipt": Kind("at_provider", "received"),
    "sale": Kind("received", "pending", of_event=True),
    "platform_fee": Kind("pending", "platform_income", of_event=True),
    "tax": Kind("pending", "tax", of_event=True),
    # Money goes back. What pays no order is returned, and what has paid one is refunded.
    "refund": Kind("pending", "owed_to_buyers", of_event=True),
    "return": Kind("received", "owed_to_buyers"),
    "refund_sent": Kind("owed_to_buyers", "at_provider"),
    "refund_elsewhere": Kind("pending", "at_provider", of_event=True),
    "return_elsewhere": Kind("received", "at_provider"),
    "dispute": Kind("pending", "disputed", of_event=True),
    "dispute_of_return": Kind("received", "disputed"),
    "dispute_lost": Kind("disputed", "at_provider"),
    "platform_fee_returned": Kind("platform_income", "pending", of_event=True),
    "tax_returned": Kind("tax", "pending", of_event=True),
    # What providers keep, and what they pay to the platform's bank.
    "provider_fee": Kind("pending", "at_provider", of_event=True),
    "platform_cost": Kind("platform_costs", "at_provider"),
    "settlement": Kind("bank", "at_provider"),
    # A provider converts currencies: one amount leaves its balance, and another one in another currency comes.
    "exchange": Kind("exchange", "at_provider"),
    # An organisation gets its money.
    "release": Kind("pending", "available", of_event=True),
    "tax_release": Kind("tax", "available", of_event=True),
    "payout": Kind("available", "in_payout"),
    "payout_sent": Kind("in_payout", "bank"),
    "payout_returned": Kind("bank", "available"),
    "correction": Kind("platform_income", "available"),
}
