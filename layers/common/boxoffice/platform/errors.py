"""Why a secret is not rotated, or a key not withdrawn. No request meets these errors: operators and AWS do."""


class NotRotatable(Exception):
    """The secret is none that rotates, or Secrets Manager did not announce this version of it."""


class RotationOutdated(Exception):
    """The secret has changed since the rotation began, so that rotation is dropped. The next one begins afresh."""


class RingFull(Exception):
    """All ids of keys have been used: a QR has one byte for them."""


class RingChanging(Exception):
    """The ring was changed by others again and again. Try again later."""


class NotWithdrawable(Exception):
    """There is no such key ring, or its keys cannot be withdrawn."""
