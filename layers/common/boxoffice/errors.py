"""Domain errors: each states a fact. Every domain adds its own; `boxoffice.api` answers them as problem documents."""

from collections.abc import Sequence
from datetime import UTC, datetime
from inspect import get_annotations
from typing import Any, ClassVar, Literal, Self, TypedDict, dataclass_transform
from uuid import UUID

from boxoffice.observability import SecurityEvent

_SECURITY_EVENTS: dict[int, SecurityEvent] = {401: "credential", 403: "access", 429: "limit"}


@dataclass_transform()
class DomainError(Exception):
    """The reason why a request cannot be fulfilled.

    A subclass sets the HTTP ``status``, a ``code`` of its own for programs, the ``meaning`` for people, and the
    ``remedy``: what the caller can do. Its other annotations are its facts. Whoever raises the error gives their
    values. They stand beside ``code`` in the problem document. The texts may name them:
    ``"An order takes {max_per_order}."`` A subclass annotates ``detail`` if a raise can say more exactly what is wrong.

    If a constraint of the database notices the error, ``constraint`` is the name of that constraint.

    A code has one class. A subclass of that class may name a constraint or add facts, and inherits the rest.

    An error rolls its transaction back, unless it ``commits``: then what was done before stands, although the request
    is refused. Such an error is raised by the last step of its transaction.

    If an attacker would cause it, ``security_event`` says what they try. Errors with status 401, 403 and 429 have one.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str]
    meaning: ClassVar[str]
    remedy: ClassVar[str] = ""
    constraint: ClassVar[str | None] = None
    commits: ClassVar[bool] = False
    security_event: ClassVar[SecurityEvent | None] = None
    declared: ClassVar[dict[str, Any]] = {}
    """The types of the facts, by name. A fact with a default may be left out."""

    detail: str
    account_id: UUID | None = None
    """Whose account somebody has tried to enter. Only the log has it, since no answer tells that there is one."""

    def __init_subclass__(cls) -> None:
        cls.security_event = cls.security_event or _SECURITY_EVENTS.get(cls.status)
        own = {name: kind for name, kind in get_annotations(cls).items() if name != "detail"}
        parents = [parent.declared for parent in cls.__bases__ if issubclass(parent, DomainError)]
        cls.declared = {name: kind for facts in (*parents, own) for name, kind in facts.items()}

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        """Take the values of the facts.

        Args:
            detail: the text for the caller, if it is more exact than the class's own.

        Raises:
            TypeError: a fact is missing, or is not one that the class declares.
        """
        required = {name for name in self.declared if not hasattr(type(self), name)}
        if not required <= facts.keys() <= self.declared.keys():
            raise TypeError(f"{type(self).__name__} states {sorted(self.declared)}, not {sorted(facts)}")
        vars(self).update(facts)
        self.facts = {name: getattr(self, name) for name in self.declared}
        shown = {name: _shown(fact) for name, fact in self.facts.items()}
        self.detail = detail or f"{self.meaning} {self.remedy}".format(**shown).strip()
        super().__init__(self.detail)

    def about(self, account_id: UUID | None) -> Self:
        """Return this error, with the account that somebody has tried to enter, if there is one."""
        self.account_id = account_id
        return self


def _shown(fact: object) -> object:
    """Return a fact as a sentence shows it: a time as in answers, a list with commas, and None as "none"."""
    match fact:
        case datetime():
            return rfc_3339(fact.replace(microsecond=0))
        case None:
            return "none"
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(str, fact)) or "none"
        case _:
            return fact


def rfc_3339(moment: datetime) -> str:
    """Return a time as all answers show it: in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


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
    remedy = "Log in, refresh the session or check the API key, and repeat the request."
    detail: str = ""


class Forbidden(DomainError):
    status = 403
    code = "forbidden"
    meaning = "The request needs the role {required_role}. Yours is {your_role}."
    remedy = "Ask somebody who has that role."
    required_role: str
    your_role: str | None


class PasswordChangeNeeded(DomainError):
    status = 403
    code = "password_change_needed"
    meaning = "Somebody else has chosen the password of your account."
    remedy = "Change it first, with `PUT /v1/me/password`."


class OutOfScope(DomainError):
    status = 403
    code = "out_of_scope"
    meaning = "The API key lacks the scope {required_scope}. It has {scopes}."
    remedy = "Use a key that has it."
    required_scope: str
    scopes: Sequence[str]


class AccountNeeded(DomainError):
    status = 403
    code = "account_needed"
    meaning = "The operation is not for the kind of credential that you sent."
    remedy = "Send an account's access token, or no credential if the operation is public."


class OutsideDoorPass(DomainError):
    status = 403
    code = "outside_door_pass"
    meaning = "The door pass of this device is for other events or gates."
    remedy = "Name one of `event_ids` and, unless they are null, one of `gates`."
    event_ids: list[UUID]
    gates: list[str] | None


class SecondFactorRequired(DomainError):
    status = 403
    code = "second_factor_required"
    meaning = "For this, the platform requires a second factor of your account."
    remedy = "Set one up: POST /v1/me/second-factor, then …/confirm. Then repeat the request."


class NotFound(DomainError):
    status = 404
    code = "not_found"
    meaning = "It does not exist, or you may not see it."
    remedy = "Check the id, and the credentials that you send."
    detail: str = ""


class StaleVersion(DomainError):
    status = 412
    code = "stale_version"
    meaning = "Somebody has changed it since you read it: its version is {version} now."
    remedy = "Read it again, then repeat your change."
    version: int


class TooLarge(DomainError):
    status = 413
    code = "too_large"
    meaning = "The body is larger than {max_bytes} bytes."
    remedy = "Send less in one request."
    max_bytes: int


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"
    meaning = "The body is not declared as JSON."
    remedy = "Send it as application/json."


class FieldError(TypedDict):
    """What is wrong with one part of a request, and which part."""

    loc: list[str | int]
    msg: str
    type: str


class Challenge(TypedDict):
    """A puzzle that tells people from programs: whose widget a page shows, and the widget's site key."""

    provider: Literal["turnstile", "hcaptcha", "recaptcha"]
    site_key: str


class Invalid(DomainError):
    status = 422
    code = "invalid"
    meaning = "The request has fields or parameters that are not valid."
    remedy = "Each of `errors` says where (`loc`) and why (`msg`). `more_errors` says how many more there are."
    errors: Sequence[FieldError]
    more_errors: int = 0
    detail: str = ""

    @classmethod
    def at(cls, *loc: str | int, because: str) -> Self:
        """Return the error for one part of a request: ``Invalid.at("query", "to", because="must be …")``."""
        return cls.of([FieldError(loc=[*loc], msg=because, type="value_error")])

    @classmethod
    def of(cls, errors: Sequence[FieldError], more_errors: int = 0) -> Self:
        """Return the error for parts of a request. It tells the first in words.

        Args:
            more_errors: how many more there are than `errors` has.
        """
        first, others = errors[0], len(errors) - 1 + more_errors
        count = f" There {'is 1 more error' if others == 1 else f'are {others} more errors'}." if others else ""
        return cls(detail=f"{place(first['loc'])} {first['msg']}.{count}", errors=errors, more_errors=more_errors)


def place(loc: Sequence[str | int]) -> str:
    """Return the name of a part of a request, as the beginning of a sentence."""
    kind, *steps = loc
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    match kind:
        case "body":
            return f"`{path}`" if path else "The body"
        case "path":
            return f"`{path}` in the path"
        case "query":
            return f"The query parameter `{path}`"
        case _:
            return f"The header `{path.title()}`"


class EndOutOfRange(DomainError):
    status = 422
    code = "end_out_of_range"
    meaning = "It must end in the future, and no later than at {latest}."
    remedy = "Choose a time between now and then."
    latest: datetime


class AmountOffStep(DomainError):
    status = 422
    code = "amount_off_step"
    meaning = "Prices, discounts and refunds in {currency} are multiples of {step}, in the currency's minor unit."
    remedy = "Send such a multiple instead of {amount}."
    amount: int
    currency: str
    step: int


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


class SmsLimitReached(DomainError):
    status = 429
    code = "sms_limit_reached"
    meaning = "No more text messages are sent to phones of this kind for now."
    remedy = "Log in another way, or try again in {retry_after} seconds."
    retry_after: int


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
    """The client has the answer already, in the version that it named."""

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(version)


class Moved(Exception):
    """What the request names has another address."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(location)


def of_constraint(name: str | None) -> DomainError | None:
    """Return the error that belongs to a violated constraint, or None if no loaded domain declares one."""
    return next((error() for error in loaded() if error.constraint is not None and error.constraint == name), None)


def loaded(parent: type[DomainError] = DomainError) -> list[type[DomainError]]:
    """Return every error class of the modules that have been imported."""
    return [error for child in parent.__subclasses__() for error in (child, *loaded(child))]
