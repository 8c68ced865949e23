"""What a transfer of each kind says to people, and what one says that takes it back."""

_WORDS: dict[str, tuple[str, str | None]] = {
    "receipt": ("A buyer's money came in", None),
    "sale": ("A buyer paid for tickets", None),
    "platform_fee": ("The platform's fee for tickets", None),
    "tax": ("The tax in the price of tickets was set aside", None),
    "refund": ("A refund is owed to a buyer", "A refund is owed no more"),
    "return": ("Money that pays no order is owed to its buyer", "That money is owed no more"),
    "refund_sent": ("A refund was sent to a buyer", "A refund that was sent came back"),
    "refund_elsewhere": ("A refund was made at the provider", "A refund at the provider failed"),
    "return_elsewhere": ("Money that pays no order was sent back at the provider", "It came back from the buyer"),
    "dispute": ("A buyer disputes a payment", "A dispute was won, or is about less"),
    "dispute_of_return": ("A buyer disputes money that pays no order", "That dispute was won, or is about less"),
    "dispute_lost": ("A dispute was lost, and the provider took the money", "The provider gave that money back"),
    "platform_fee_returned": ("The platform gave back its fee, since tickets were refunded", None),
    "tax_returned": ("Tax is owed no more, since tickets were refunded", None),
    "provider_fee": ("The provider's fee", "The provider gave back its fee"),
    "platform_cost": ("What a provider charges to the platform", "A provider gave back what it charged"),
    "settlement": ("A provider paid to the platform's bank", "A payment to the platform's bank came back"),
    "exchange": ("A provider converted a currency", "A provider converted to this currency"),
    "release": ("Earnings of an event became available", "Earnings were taken back for what came after their release"),
    "tax_release": ("Tax of an event became available", "Tax was taken back for what came after its release"),
    "payout": ("A payout was requested", "A payout was rejected"),
    "payout_sent": ("A payout was sent to the bank", "A payout was not sent after all"),
    "payout_returned": ("A payout came back from the bank", "A payout had not come back after all"),
    "correction": ("A correction by the platform", "A correction by the platform, which takes money"),
}


def describe(kind: str, amount: int) -> str:
    """Return what a transfer was, as a sentence for people.

    Args:
        amount: of the transfer. A negative one takes back some of what went before.
    """
    given, taken_back = _WORDS[kind]
    if amount > 0:
        return f"{given}."
    return f"{taken_back}." if taken_back else f"Taken back: {given[0].lower()}{given[1:]}."
