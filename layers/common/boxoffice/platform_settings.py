"""Settings that admins change while the platform runs. What only a deploy changes is in `boxoffice.config`.

The table holds what differs from the defaults, a row for each setting. An environment reads it at most every ten
seconds, so a change holds everywhere after that. Of purchases, only those of guests need it.
"""

import time
from typing import Annotated, Any, Literal, Self

from psycopg.types.json import Jsonb
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from boxoffice import db, money, sql
from boxoffice.config import settings
from boxoffice.models import COUNTRY_CODE, CURRENCY_CODE, MinorUnits, PostalAddress, ShortText, check_currency
from boxoffice.observability import logger

SQL = sql.queries()

_LIFETIME = 10.0  # seconds for which they are cached


_STORED = "stored"
"""The context in which stored settings are read. They were checked before, so nobody imports a library for that."""


def _sms_country(code: str, info: ValidationInfo) -> str:
    from boxoffice import phones

    if info.context != _STORED and not phones.is_country(code):
        raise ValueError("must be a country of ISO 3166 that has phone numbers, such as NG")
    return code


def _iban(text: str, info: ValidationInfo) -> str:
    from boxoffice import bank_accounts

    return text if info.context == _STORED else bank_accounts.normal_iban(text)


SenderIban = Annotated[str, StringConstraints(min_length=15, max_length=50), AfterValidator(_iban)]
SmsCountry = Annotated[str, StringConstraints(pattern=COUNTRY_CODE), AfterValidator(_sms_country)]


GUEST_UNPAID = {"network_percent": 20, "network_least": 20, "network_most": 500, "mailbox_most": 20, "all_percent": 80}
GUEST_FREE = {"network_percent": 10, "network_least": 10, "network_most": 200, "mailbox_most": 10, "all_percent": 100}
"""The budgets of guests by default."""


class GuestBudget(BaseModel):
    """How many tickets of an event guests may have at a time, if these are unpaid or, in another budget, free."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    network_percent: Annotated[
        StrictInt, Field(ge=1, le=100, description="How much of an event's tickets one network may have, in percent")
    ]
    network_least: Annotated[
        StrictInt, Field(ge=1, le=10_000, description="How many tickets a network may have, however small the event is")
    ]
    network_most: Annotated[
        StrictInt, Field(ge=1, le=10_000, description="How many it may have at the most, however large the event is")
    ]
    mailbox_most: Annotated[StrictInt, Field(ge=1, le=10_000, description="How many tickets one mailbox may have")]
    all_percent: Annotated[
        StrictInt,
        Field(
            ge=1,
            le=100,
            description="How much of a ticket type may be taken, in percent, before guests need a challenge. It counts "
            "where the platform has one",
        ),
    ]


FeeAmount = Annotated[int, Field(strict=True, ge=0, le=money.MAX_PRICE), MinorUnits]


class PlatformFee(BaseModel):
    """What the platform keeps of each ticket that is not free, in one currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    basis_points: Annotated[
        StrictInt, Field(ge=0, le=10_000, description="Of what is paid, in hundredths of a percent: 250 are 2.5 %")
    ] = 0
    fixed: Annotated[FeeAmount, Field(description="For each ticket, in the currency's minor unit")] = 0
    minimum: Annotated[FeeAmount, Field(description="A ticket's fee is not less, unless the ticket costs less")] = 0
    maximum: Annotated[FeeAmount | None, Field(description="A ticket's fee is not more. Null for no bound")] = None
    return_on_refund: Annotated[
        StrictBool, Field(description="Return the fee in proportion to what a refund gives back")
    ] = True

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("must have a `minimum` that is not above its `maximum`")
        return self


def _currency(code: str, info: ValidationInfo) -> str:
    return code if info.context == _STORED else check_currency(code)


def _check_steps(fees: dict[str, PlatformFee]) -> dict[str, PlatformFee]:
    """Refuse amounts that nobody can pay exactly."""
    for currency, fee in fees.items():
        step = money.step(currency)
        if any(amount % step for amount in (fee.fixed, fee.minimum, fee.maximum or 0)):
            raise ValueError(f"must have amounts in {currency} that are multiples of {step}, as its prices are")
    return fees


CurrencyCode = Annotated[str, StringConstraints(pattern=CURRENCY_CODE), AfterValidator(_currency)]
PlatformFees = Annotated[
    dict[CurrencyCode, PlatformFee],
    Field(max_length=200, json_schema_extra={"additionalProperties": False}),
    AfterValidator(_check_steps),
]
"""The platform's fee by currency."""


type SecondFactorRule = Literal["none", "admins", "owners_and_admins"]


class PlatformSettings(BaseModel):
    """The settings by name, each with its type, default and bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    verify_emails: Annotated[
        StrictBool, Field(description="Make an account only when its address is confirmed, and tell nobody who has one")
    ] = Field(default_factory=lambda: settings().verify_emails)
    contact_months: Annotated[
        StrictInt | None,
        Field(
            ge=1,
            le=120,
            description="How many months after an event the names and contacts of its buyers and holders are erased. "
            "Null keeps them",
        ),
    ] = None
    message_days: Annotated[
        StrictInt, Field(ge=7, le=3650, description="After how many days a message is deleted that was sent")
    ] = 90
    provider_event_days: Annotated[
        StrictInt,
        Field(ge=30, le=3650, description="After how many days it is erased what providers have told"),
    ] = 180
    session_days: Annotated[
        StrictInt, Field(ge=1, le=3650, description="How many days after its end a session is deleted")
    ] = 30
    auto_approve_organisations: Annotated[
        StrictBool, Field(description="Let an organisation sell as soon as it signs up, before an admin has seen it")
    ] = Field(default_factory=lambda: settings().auto_approve_organisations)
    block_disputed_tickets: Annotated[
        StrictBool, Field(description="Refuse a ticket at the door while its payer disputes the payment")
    ] = Field(default_factory=lambda: settings().block_disputed_tickets)
    second_factor_required: Annotated[
        SecondFactorRule,
        Field(description="Who needs a second factor for what only they may do. Who sets this needs one first"),
    ] = "none"
    sms_countries: Annotated[
        frozenset[SmsCountry],
        PlainSerializer(sorted, return_type=list[str]),
        Field(
            max_length=250,
            description="Countries (ISO 3166-1 alpha-2) whose mobile phones get codes; without any, nobody logs in by "
            "phone",
        ),
    ] = frozenset()
    sms_per_day: Annotated[
        StrictInt, Field(ge=0, le=1_000_000, description="Text messages that are sent a day in all; each costs money")
    ] = 500
    sms_to_country_per_day: Annotated[
        StrictInt,
        Field(ge=0, le=1_000_000, description="Text messages that are sent a day to the phones of one country"),
    ] = 300
    guest_unpaid: Annotated[
        GuestBudget, Field(description="What guests may have of an event that is not paid yet, at a time")
    ] = Field(default_factory=lambda: GuestBudget(**GUEST_UNPAID))
    guest_free: Annotated[GuestBudget, Field(description="What guests may have of an event for free, in a day")] = (
        Field(default_factory=lambda: GuestBudget(**GUEST_FREE))
    )
    guest_hold_minutes: Annotated[
        StrictInt,
        Field(ge=1, le=60, description="How long guests hold tickets whose network has more than half of its budget"),
    ] = 5
    reminders: Annotated[
        StrictBool,
        Field(description="Email holders their tickets again the day before, unless an event says otherwise"),
    ] = True
    messages_per_hour: Annotated[
        StrictInt, Field(ge=0, le=1000, description="How many messages an organisation may send to its buyers an hour")
    ] = 10
    messages_per_day: Annotated[
        StrictInt, Field(ge=0, le=10_000, description="How many messages an organisation may send to its buyers a day")
    ] = 30
    newsletters_per_day: Annotated[
        StrictInt, Field(ge=0, le=100, description="How many issues of its newsletter an organisation may send a day")
    ] = 3
    postal_address: Annotated[
        PostalAddress | None, Field(description="Where the platform is. Its own newsletter shows that")
    ] = None
    payout_minimums: Annotated[
        dict[CurrencyCode, Annotated[StrictInt, Field(ge=1, le=money.MAX_TOTAL), MinorUnits]],
        Field(
            max_length=200,
            description="The least that is paid out at a time, by currency, in its minor unit",
            json_schema_extra={"additionalProperties": False},
        ),
    ] = Field(default_factory=dict)
    payout_sender_name: Annotated[
        ShortText | None, Field(max_length=70, description="Whose account payouts come from, in files for the bank")
    ] = None
    payout_sender_iban: Annotated[SenderIban | None, Field(description="The IBAN of that account")] = None
    payout_delay_days: Annotated[
        StrictInt,
        Field(
            ge=0,
            le=365,
            description="How many days after an event's end what it has earned becomes available to its organisation",
        ),
    ] = 5
    refund_reserve_percent: Annotated[
        StrictInt,
        Field(ge=0, le=100, description="How much of an event's earnings is kept longer for refunds, in percent"),
    ] = 0
    refund_reserve_days: Annotated[
        StrictInt, Field(ge=0, le=365, description="How many days after an event's end that reserve is kept")
    ] = 30
    confirmation_minutes: Annotated[
        StrictInt,
        Field(ge=5, le=1440, description="How long a guest has to confirm a free order, and never longer than a hold"),
    ] = 30
    platform_fees: Annotated[
        PlatformFees,
        Field(
            description="What the platform keeps of each ticket, by currency, unless an organisation has other terms"
        ),
    ] = Field(default_factory=dict)


_cached: tuple[float, PlatformSettings] | None = None


def current(conn: db.Connection) -> PlatformSettings:
    """Return the settings, at most ten seconds old."""
    global _cached
    now = time.monotonic()
    if _cached is None or now - _cached[0] > _LIFETIME:
        _cached = (now, read(conn))
    return _cached[1]


def read(conn: db.Connection) -> PlatformSettings:
    """Return the settings as they are stored now.

    What this release does not know, or refuses, counts as not set: another release may have stored it.
    """
    stored: dict[str, Any] = {row["name"]: row["value"] for row in db.many(conn, dict, SQL.list_platform_settings)}
    known = {name: value for name, value in stored.items() if name in PlatformSettings.model_fields}
    try:
        return PlatformSettings.model_validate(known, context=_STORED)
    except ValidationError as error:
        refused = {each["loc"][0] for each in error.errors()}
        logger.error(
            "stored settings are not valid; their defaults hold", extra={"settings": sorted(map(str, refused))}
        )
        valid = {name: known[name] for name in known if name not in refused}
        return PlatformSettings.model_validate(valid, context=_STORED)


def version(conn: db.Connection) -> int:
    """Return how often the settings have been changed, and 1."""
    return int(db.value(conn, SQL.get_platform_settings_version))


def lock(conn: db.Connection) -> int:
    """Let other changes wait until this transaction ends, and return the version."""
    return int(db.value(conn, SQL.lock_platform_settings))


def replace(conn: db.Connection, new: PlatformSettings) -> None:
    """Store settings that the transaction has locked. Those that are as by default are not stored."""
    values, defaults = new.model_dump(mode="json"), PlatformSettings().model_dump(mode="json")
    different = {name: value for name, value in values.items() if value != defaults[name]}
    db.run(
        conn,
        SQL.replace_platform_settings,
        names=[*different],
        values=[Jsonb(value) for value in different.values()],
    )


def forget() -> None:
    """Empty the cache, so that the next use reads the table."""
    global _cached
    _cached = None
