"""Errors that state a fact. Each domain adds its own; `boxoffice.api` turns them into problem documents (RFC 9457)."""

from collections.abc import Sequence
from inspect import get_annotations
from typing import Any, ClassVar, Self, TypedDict, dataclass_transform


@dataclass_transform()
class DomainError(Exception):
    """A request that cannot be fulfilled, and why.

    A subclass sets the HTTP ``status``, a machine-readable ``code`` of its own, its ``meaning`` for people, and a
    ``remedy``: what the caller can do. What it annotates beside that are its facts. They are given when it is raised,
    stand beside ``code`` in the problem document, and may be named in the texts: ``"An order takes {max_per_order}."``
    Where a raise can say it more exactly, the subclass annotates ``detail`` too.

    Where the database is what notices, ``constraint`` names the constraint whose violation means this error.

    A code has one class. A subclass of it may name a constraint or add facts; the rest it inherits.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str]
    meaning: ClassVar[str]
    remedy: ClassVar[str] = ""
    constraint: ClassVar[str | None] = None
    declared: ClassVar[dict[str, Any]] = {}
    """The types of the facts, by name. A fact with a default may be left out."""

    detail: str

    def __init_subclass__(cls) -> None:
        own = {name: kind for name, kind in get_annotations(cls).items() if name != "detail"}
        parents = [parent.declared for parent in cls.__bases__ if issubclass(parent, DomainError)]
        cls.declared = {name: kind for facts in (*parents, own) for name, kind in facts.items()}

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        """State the facts.

        Args:
            detail: what the caller reads, where a raise can say it more exactly than the class.

        Raises:
            TypeError: a fact is missing, or is not one that the class declares.
        """
        required = {name for name in self.declared if not hasattr(type(self), name)}
        if not required <= facts.keys() <= self.declared.keys():
            raise TypeError(f"{type(self).__name__} states {sorted(self.declared)}, not {sorted(facts)}")
        vars(self).update(facts)
        self.facts = {name: getattr(self, name) for name in self.declared}
        self.detail = detail or f"{self.meaning} {self.remedy}".format(**self.facts).strip()
        super().__init__(self.detail)


class Malformed(DomainError):
    status = 400
    code = "malformed"
    meaning = "The request cannot be read."
    remedy = "Send valid JSON in UTF-8."
    detail: str = ""


class Unauthenticated(DomainError):
    status = 401
    code = "unauthenticated"
    meaning = "Credentials are missing, expired or wrong."
    remedy = "Log in, or refresh the session, and repeat the request."


class Forbidden(DomainError):
    status = 403
    code = "forbidden"
    meaning = "This takes the role {required_role}."
    remedy = "Ask somebody who has it."
    required_role: str
    your_role: str | None


class NotFound(DomainError):
    status = 404
    code = "not_found"
    meaning = "There is no such thing, or it is not yours to see."
    remedy = "Check the id, and as whom you call."
    detail: str = ""


class StaleVersion(DomainError):
    status = 412
    code = "stale_version"
    meaning = "It has been changed since you read it."
    remedy = "Read it again and repeat your change."
    version: int


class TooLarge(DomainError):
    status = 413
    code = "too_large"
    meaning = "The body is larger than {max_bytes} bytes."
    remedy = "Send less at once."
    max_bytes: int


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"
    meaning = "The body is not declared as JSON."
    remedy = "Send it as application/json."


class FieldError(TypedDict):
    """What is wrong with one part of a request."""

    loc: list[str | int]
    msg: str
    type: str


class Invalid(DomainError):
    status = 422
    code = "invalid"
    meaning = "The request can be read, but its content is not valid."
    remedy = "Each of `errors` says where (`loc`) and why (`msg`)."
    errors: Sequence[FieldError]
    detail: str = ""

    @classmethod
    def at(cls, *loc: str | int, because: str) -> Self:
        """One thing is wrong, and here: ``Invalid.at("query", "to", because="…")``."""
        return cls(detail=because, errors=[FieldError(loc=[*loc], msg=because, type="value_error")])


class KeyReused(DomainError):
    status = 422
    code = "idempotency_key_reused"
    meaning = "This Idempotency-Key was used with another request."
    remedy = "Send a new key with each new request."


class TooManyRequests(DomainError):
    status = 429
    code = "too_many_requests"
    meaning = "There were too many attempts."
    remedy = "Try again in {retry_after} seconds."
    retry_after: int  # seconds, in the Retry-After header too


class InternalError(DomainError):
    status = 500
    code = "internal_error"
    meaning = "Something went wrong on our side."
    remedy = "Quote the request_id when you report it."


class Busy(DomainError):
    status = 503
    code = "busy"
    meaning = "The service is busy or waking up."
    remedy = "Try again in a moment, with the same Idempotency-Key if there is one."
    retry_after: int = 2


class NotModified(Exception):
    """What the caller asks for is what they have already, in the version that they named."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(version)


def of_constraint(name: str | None) -> DomainError | None:
    """The error that a violated constraint of this name means, if any domain that is loaded declares one."""
    return next((error() for error in loaded() if name and error.constraint == name), None)


def loaded(parent: type[DomainError] = DomainError) -> list[type[DomainError]]:
    """Every error that is defined in what has been imported."""
    return [error for child in parent.__subclasses__() for error in (child, *loaded(child))]
