"""Accounts and sessions: as requested, as stored and as shown."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, override
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

from boxoffice import phones
from boxoffice.accounts.passwords import LEAST_CHARACTERS, MOST_BYTES, MOST_CHARACTERS, normalise
from boxoffice.models import (
    COUNTRY_CODE,
    VISIBLE,
    Email,
    Id,
    Locale,
    Name,
    Page,
    PastedText,
    Patch,
    Phone,
    Request,
    ShortText,
    View,
    pattern,
    unchanged,
)

type Role = Literal["scanner", "manager", "owner"]


def _ascii_digits(code: object) -> object:
    """Return a code as it was sent, though somebody typed it with spaces or with the digits of another script."""
    if not isinstance(code, str) or len(code) > 20:
        return code
    return "".join(str(unicodedata.decimal(char, char)) for char in code if not char.isspace())


Password = Annotated[
    str,
    StringConstraints(max_length=MOST_CHARACTERS),
    AfterValidator(normalise),
    Field(json_schema_extra={"format": "password", "maxLength": MOST_BYTES}, description="At most 72 bytes of UTF-8"),
]
NewPassword = Annotated[Password, Field(min_length=LEAST_CHARACTERS)]
OneTimeText = Annotated[PastedText, Field(description="The token in the fragment of an emailed link")]
PhoneCountry = Annotated[
    str, StringConstraints(pattern=COUNTRY_CODE), Field(description="ISO 3166-1 alpha-2", examples=["NG"])
]
DialledPhone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=40),
    Field(description="With + and the country code, or as it is dialled in `country`", examples=["+234 801 234 5678"]),
]
SIX_DIGITS = pattern(r"^[0-9]{6}$", "must be the six digits of the text message")
PhoneCode = Annotated[
    str, BeforeValidator(_ascii_digits), StringConstraints(pattern=SIX_DIGITS), Field(examples=["123456"])
]
VisibleText = Annotated[str, Field(pattern=VISIBLE)]
SecondFactorCode = Annotated[
    ShortText, Field(min_length=6, max_length=40, description="Six digits of the app, or a recovery code")
]
DeviceName = Annotated[ShortText, Field(max_length=100, description="What the session's list calls this device")]


class SignUpRequest(Request):
    email: Email
    password: NewPassword
    name: Name
    organisation_name: Name | None = Field(default=None, description="Registers an organisation in the same step")
    locale: Locale | None = None


class LogInRequest(Request):
    email: Email
    password: Password
    device_name: DeviceName | None = None
    refresh_token: Annotated[str, Field(max_length=100)] | None = Field(
        default=None,
        description="The last refresh token that the device had of this account, though it is used or over. Then wrong "
        "passwords that others send from its network do not keep it out",
    )


class RefreshRequest(Request):
    refresh_token: Annotated[str, Field(max_length=100)]


class SecondFactorLogInRequest(Request):
    second_factor_token: Annotated[VisibleText, Field(max_length=200)]
    code: SecondFactorCode
    device_name: DeviceName | None = None


class GoogleLogInRequest(Request):
    code: Annotated[
        VisibleText, Field(max_length=200, description="`google_code` in the fragment of the page's address")
    ]
    secret: Annotated[
        VisibleText, Field(min_length=43, max_length=128, description="The secret whose hash the log-in began with")
    ]
    device_name: DeviceName | None = None


class SecondFactorRequest(Request):
    current_password: Password | None = Field(
        default=None, description="Without a password, the account must have logged in within a quarter of an hour"
    )


class SecondFactorCodeRequest(Request):
    code: SecondFactorCode


class PasswordChange(Request):
    current_password: Password
    new_password: NewPassword


class LinkRequest(Request):
    token: OneTimeText


class EmailConfirmation(LinkRequest):
    password: Password | None = Field(
        default=None,
        description="The one that a new account gets. Of another account: its own, unless its access token is sent",
    )


class PasswordResetRequest(Request):
    email: Email


class PasswordReset(LinkRequest):
    password: NewPassword


class EmailChange(Request):
    email: Email
    current_password: Password | None = Field(default=None, description="Needed if the account has a password")


class EmailSentView(View):
    detail: str = Field(description="What happens next, for people")


class AccountPatch(Patch):
    name: Name = Field(default_factory=str)
    phone: Phone | None = None
    locale: Locale | None = None
    current_password: Password | None = Field(
        default=None, description="Needed to replace or remove a verified phone, if the account has a password"
    )

    @override
    def changes(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True, exclude={"current_password"})


class PhoneCodeRequest(Request):
    country: PhoneCountry | None = Field(default=None, description="Where `phone` is dialled without a country code")
    phone: DialledPhone

    @field_validator("phone")
    @classmethod
    def _normalise(cls, phone: str, info: ValidationInfo) -> str:
        return phones.normalise(phone, info.data.get("country"))


class PhoneLogInRequest(PhoneCodeRequest):
    code: PhoneCode
    name: Name | None = Field(default=None, description="Of the account that the first log-in of a phone makes")
    device_name: DeviceName | None = None


class PhoneConfirmation(PhoneCodeRequest):
    code: PhoneCode
    current_password: Password | None = Field(default=None, description="Needed if the account has a password")


class PhoneCodeView(View):
    phone: str = Field(description="The number in E.164, to which the code was sent")
    expires_in: int = Field(description="Seconds until the code is over")


class AccountView(View):
    id: Id
    email: str | None = Field(description="Null for an account that logs in by phone")
    email_verified_at: datetime | None
    name: str
    phone: str | None
    phone_verified_at: datetime | None = Field(description="Null for a phone that is contact only")
    locale: str | None = Field(description="The language of emails to the account. Null if its owner has not said so")
    version: int
    created_at: datetime


class ManagedAccountPatch(Patch):
    blocked: Annotated[bool, Field(strict=True)] = unchanged()
    reason: ShortText = Field(
        default_factory=str, description="Why; needed for a block. The account's owner and the audit log are told"
    )
    email_verified: Literal[True] = unchanged()
    is_admin: Annotated[bool, Field(strict=True)] = unchanged()


type AccountStatus = Literal["active", "blocked", "erased"]


class ManagedAccountView(AccountView):
    status: AccountStatus
    blocked_at: datetime | None
    block_reason: str | None
    is_admin: bool


class MembershipView(View):
    organisation_id: Id
    name: str
    role: Role


class ManagedAccountDetails(ManagedAccountView):
    memberships: list[MembershipView]


class ManagedAccountPage(Page[ManagedAccountDetails]):
    pass


class MyAccountView(AccountView):
    second_factor_since: datetime | None = Field(description="Null for an account without a second factor")
    memberships: list[MembershipView]


class SessionView(View):
    access_token: str = Field(description="Send it as `Authorization: Bearer <token>`")
    refresh_token: str = Field(description="Exchange it once, within seven days, for the next pair of tokens")
    expires_in: int = Field(description="Seconds until the access token expires")
    must_change_password: bool = Field(description="True if nothing else can be done before")
    account: AccountView


class ListedSessionView(View):
    id: Id
    device: str = Field(description="What the client called it, or else the browser and the system")
    address: str = Field(description="The IP address that it was last used from")
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last renewed")
    current: bool = Field(description="True for the session of this request")


class NewSecondFactorView(View):
    secret: str = Field(description="In base32, to type into an app that makes codes")
    uri: str = Field(description="The same for an app on this device (`otpauth:`)")
    qr_svg: str = Field(description="The same as a picture, for an app on another device")


class RecoveryCodesView(View):
    recovery_codes: list[str] = Field(description="Each takes the place of a code once. They are not shown again")


@dataclass(frozen=True)
class AccountRow:
    id: UUID
    email: str | None
    name: str
    phone: str | None
    locale: str | None
    version: int
    created_at: datetime
    email_verified_at: datetime | None
    phone_verified_at: datetime | None


@dataclass(frozen=True)
class AccountWithFactor(AccountRow):
    second_factor_since: datetime | None


@dataclass(frozen=True)
class Credentials(AccountRow):
    password_hash: str | None
    blocked_at: datetime | None


@dataclass(frozen=True)
class AccountDetails(AccountWithFactor):
    memberships: list[dict[str, object]]


@dataclass(frozen=True)
class SessionRow:
    id: UUID
    device_name: str | None
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True)
class RefreshTokenRow(AccountRow):
    """A refresh token with its session and its account. Its `id` is that of the account.

    Attributes:
        started_at: when the session was opened.
    """

    session_id: UUID
    started_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None
    must_change_password: bool


@dataclass(frozen=True)
class ManagedAccount(AccountRow):
    """An account as admins see it."""

    is_admin: bool
    blocked_at: datetime | None
    block_reason: str | None
    erased_at: datetime | None

    @property
    def status(self) -> AccountStatus:
        """Return what the account can do."""
        if self.erased_at:
            return "erased"
        return "blocked" if self.blocked_at else "active"


@dataclass(frozen=True)
class ListedAccount(ManagedAccount):
    memberships: list[dict[str, object]]


@dataclass(frozen=True)
class AccountFilters:
    """Which accounts are wanted; None for all.

    Attributes:
        search: the beginning of an email address, or of words of a name.
    """

    search: str | None
    status: AccountStatus | None
    verified: bool | None
    is_admin: bool | None


@dataclass(frozen=True)
class SmsAllowance:
    """What limits the text messages to a phone.

    Attributes:
        slowed_prefix: the prefix of the number, if few codes are used there.
        most_to_country: how many text messages a day go to phones of the country.
        most_in_all: how many go to all phones.
    """

    country: str
    slowed_prefix: str | None
    most_to_country: int
    most_in_all: int


@dataclass(frozen=True)
class PhoneUsage:
    """How many of a prefix's last codes were sent, and how many of these were used."""

    sent: int
    used: int


@dataclass(frozen=True)
class TriedCode:
    """A code that is being tried, with the id of the key that it is derived by."""

    id: UUID
    key_id: int
