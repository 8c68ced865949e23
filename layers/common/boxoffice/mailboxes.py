"""The mailbox that an email address leads to."""


def mailbox_of(email: str) -> str:
    """Return the mailbox of an address: what follows a ``+`` only sorts mail, and Gmail reads over dots.

    Limits count mailboxes. Nobody is written to by this spelling, since some providers read it otherwise.
    """
    name, _, domain = email.rpartition("@")
    name = name.partition("+")[0] or name
    if domain in ("gmail.com", "googlemail.com"):
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"
