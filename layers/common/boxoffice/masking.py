"""Addresses and phone numbers as people at the door see them: enough to recognise one, too little to use it."""


def masked(contact: str | None) -> str | None:
    """Return an email address or a phone number without most of it. None stays None.

    Of an address the first character and the domain are shown: ``a…@example.com``. The character is hidden too if not
    much else is. Of a phone number the last three digits are shown: ``…678``.
    """
    if contact is None:
        return None
    name, at, domain = contact.rpartition("@")
    if not at:
        return f"…{contact[-3:]}"
    return f"{name[:1] if len(name) > 2 else ''}…@{domain}"
