"""The mailbox that an email address leads to. Limits count that, since one mailbox has any number of addresses."""

_GMAIL = ("gmail.com", "googlemail.com")


def mailbox_of(email: str) -> str:
    """Return the mailbox of an address in lower case: what follows a ``+`` only sorts mail, and Gmail reads over dots.

    The function `mailbox_of` of the schema does the same for addresses that are stored.
    """
    name, _, domain = email.rpartition("@")
    name = name.partition("+")[0] or name
    if domain in _GMAIL:
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"
