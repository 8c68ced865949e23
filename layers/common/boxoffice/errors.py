"""Errors that state a fact. Each domain adds its own; `boxoffice.api` turns them into problem documents (RFC 9457)."""

from typing import Any, ClassVar


class DomainError(Exception):
    """A request that cannot be fulfilled, and why.

    Subclasses set the HTTP ``status``, a stable machine-readable ``code``, and a ``detail`` for people. Where the
    database is what notices, ``constraint`` names the constraint whose violation means this error.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str]
    detail: str
    constraint: ClassVar[str | None] = None
    retry_after: int | None = None  # seconds

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        self.detail = detail or type(self).detail
        self.facts = facts
        super().__init__(self.detail)


class Malformed(DomainError):
    status = 400
    code = "malformed"
    detail = "The request cannot be read."


class Unauthenticated(DomainError):
    status = 401
    code = "unauthenticated"
    detail = "Credentials are missing, expired or wrong."


class Forbidden(DomainError):
    status = 403
    code = "forbidden"
    detail = "Your role does not allow this."


class NotFound(DomainError):
    status = 404
    code = "not_found"
    detail = "There is no such thing, or it is not yours to see."


class StaleVersion(DomainError):
    status = 412
    code = "stale_version"
    detail = "It has been changed since you read it. Read it again and repeat your change."


class TooLarge(DomainError):
    status = 413
    code = "too_large"
    detail = "The body is too large."


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"
    detail = "Send the body as application/json."


class Invalid(DomainError):
    status = 422
    code = "invalid"
    detail = "The request is well formed, but its content is not valid."


class KeyReused(DomainError):
    status = 422
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used with another request."


class TooManyRequests(DomainError):
    status = 429
    code = "too_many_requests"
    detail = "Too many attempts. Wait before you try again."


class Busy(DomainError):
    status = 503
    code = "busy"
    detail = "The service is busy or waking up. Try again in a moment."
    retry_after = 2


class NotModified(Exception):
    """What the caller asks for is what they have already, in the version that they named."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(version)


def of_constraint(name: str | None) -> DomainError | None:
    """The error that a violated constraint of this name means, if any domain that is loaded declares one."""
    return next((error() for error in _all(DomainError) if name and error.constraint == name), None)


def _all(parent: type[DomainError]) -> list[type[DomainError]]:
    return [error for child in parent.__subclasses__() for error in (child, *_all(child))]
