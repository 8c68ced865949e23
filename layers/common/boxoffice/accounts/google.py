"""Log-in with Google, without cookies.

A page keeps a secret, and sends its hash when it begins. Google says who its user is, and the page gets a code that
works once. It trades the code for a session, by the secret that nobody else has. So a link that somebody else has made
logs nobody in.

A person is known by the subject of their Google account, which never changes. The first time, the email address leads
to an account: Google must vouch for it, and the account's owner must have verified it.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError

from boxoffice import audit, db, one_time, outbox, sql
from boxoffice.accounts import oidc, sessions
from boxoffice.accounts.errors import (
    EmailTaken,
    EmailUnverified,
    GoogleAccountDiffers,
    GoogleCodeOver,
    GoogleDoesNotVouch,
    GoogleLogInOff,
    GoogleStateOver,
    GoogleUnavailable,
)
from boxoffice.accounts.models import AccountRow, GoogleLogInRequest, SessionView
from boxoffice.auth import Caller, acting_as
from boxoffice.config import secret, settings
from boxoffice.ids import new_id
from boxoffice.models import Email, Name
from boxoffice.observability import count, logger
from boxoffice.one_time import Purpose

SQL = sql.queries("accounts")

CODE_LIFETIME = timedelta(minutes=5)
_ISSUER = "https://accounts.google.com"
_email, _name = TypeAdapter[str](Email), TypeAdapter[str](Name)


@dataclass(frozen=True)
class Person:
    """Whom Google names.

    Attributes:
        vouched: Google hosts the address, so that it knows who reads it now. Of another address it knows only who read
            it once. See *Using the email, email_verified and hd fields* in Google's manual.
    """

    issuer: str
    subject: str
    email: str
    name: str
    vouched: bool


def begin(challenge: str, return_to: str) -> str:
    """Return the address at Google that the browser must go to.

    Raises:
        GoogleLogInOff: the deployment has no log-in with Google.
        GoogleUnavailable: Google does not answer.
    """
    client, ring = _client(), settings().code_keys_secret
    flow = oidc.begin(ring, _bytes(challenge), return_to)
    try:
        return oidc.authorization_url(client, flow, oidc.state_of(ring, flow))
    except oidc.Unavailable as error:
        raise GoogleUnavailable from error


def read_state(state: str) -> oidc.Flow:
    """Return the log-in that comes back from Google.

    Raises:
        GoogleLogInOff: the deployment has no log-in with Google.
        GoogleStateOver: it took too long, or did not begin here.
    """
    _client()
    flow = oidc.read_state(settings().code_keys_secret, state)
    if flow is None:
        raise GoogleStateOver
    return flow


def finish(conn: db.Connection, flow: oidc.Flow, code: str | None) -> str:
    """Ask Google whom its code stands for. Return the address of the page, with the code that it trades for a session.

    Runs in autocommit: no transaction waits for Google.

    Raises:
        Cancelled, Refused, Unavailable: see `oidc`.
    """
    if code is None:
        raise oidc.Cancelled
    try:
        person = _fetch_person(flow, code)
    except oidc.Failed as error:
        logger.warning("a log-in with Google failed", extra={"outcome": error.outcome, "why": str(error)})
        count("GoogleLogInFailed")
        raise
    return page_of(flow, google_code=_issue_code(conn, flow, person))


def page_of(flow: oidc.Flow, **outcome: str) -> str:
    """Return the address of the page that began the log-in, with its outcome in the fragment (decision 16)."""
    return f"{settings().public_url}{flow.return_to}#{urlencode(outcome)}"


def _fetch_person(flow: oidc.Flow, code: str) -> Person:
    client = _client()
    claims = oidc.fetch_claims(client, flow, code)
    try:
        email = _email.validate_python(claims.get("email"))
    except ValidationError as error:
        raise oidc.Refused("the ID token has no email address") from error
    is_hosted = bool(claims.get("hd")) or email.endswith("@gmail.com")
    vouched = claims.get("email_verified") is True and is_hosted
    return Person(client.issuer, claims["sub"], email, _name_of(claims, email), vouched)


def _issue_code(conn: db.Connection, flow: oidc.Flow, person: Person) -> str:
    """Return the code that the page trades for a session."""
    challenge = flow.challenge.hex()
    code_id = one_time.issue(conn, Purpose.GOOGLE_LOG_IN, CODE_LIFETIME, challenge=challenge, person=vars(person))
    return one_time.token_of(Purpose.GOOGLE_LOG_IN, code_id)


def log_in(conn: db.Connection, caller: Caller, request: GoogleLogInRequest) -> SessionView:
    """Open a session of the person that Google named. A new person gets an account.

    Raises:
        GoogleCodeOver: the code is over, or was made for another secret.
        GoogleDoesNotVouch, EmailUnverified, GoogleAccountDiffers: the address leads to no account that is theirs.
        EmailTaken: another account may still take the address back.
        SecondFactorNeeded, WrongCredentials: see `sessions.open_session`.
    """
    token = one_time.redeem(conn, Purpose.GOOGLE_LOG_IN, request.code)
    presented = hashlib.sha256(request.secret.encode()).hexdigest()
    if token is None or not hmac.compare_digest(presented, token["challenge"]):
        raise GoogleCodeOver
    account = _account_of(conn, caller, Person(**token["person"]))
    return sessions.open_session(conn, caller, account, device_name=request.device_name)


def _account_of(conn: db.Connection, caller: Caller, person: Person) -> AccountRow:
    """Return the account of a person. The first time, this connects one, or makes it."""
    identity = {"issuer": person.issuer, "subject": person.subject}
    known = db.one(conn, AccountRow, SQL.get_account_of_google, **identity)
    if known is not None and _is_still_connected(conn, known, identity):
        return known
    if not person.vouched:
        raise GoogleDoesNotVouch
    is_new = db.run(
        conn, SQL.insert_google_account, id=new_id(), email=person.email, name=person.name, now=datetime.now(UTC)
    )
    account = db.one(conn, AccountRow, SQL.lock_account_of_email, email=person.email)
    if account is None:
        raise EmailTaken
    if account.email_verified_at is None:
        raise EmailUnverified
    if not db.run(conn, SQL.insert_google_identity, account_id=account.id, **identity):
        connected = db.one(conn, AccountRow, SQL.get_account_of_google, **identity)
        if connected is None or connected.id != account.id:
            raise GoogleAccountDiffers
        return account
    if not is_new:
        outbox.owe_email(conn, "google_connected", person.email, {})
    audit.record(conn, acting_as(caller, account.id), "connect_google", f"account {account.id}", new=bool(is_new))
    return account


def _is_still_connected(conn: db.Connection, account: AccountRow, identity: dict[str, str]) -> bool:
    """Lock an account, and return True if the identity still opens it. Its owner may have shut a thief out just now."""
    db.one(conn, AccountRow, SQL.lock_account, id=account.id)
    return db.one(conn, AccountRow, SQL.get_account_of_google, **identity) is not None


def _name_of(claims: dict[str, Any], email: str) -> str:
    """Return what Google calls a person, if we would take it for a name; else what stands before the ``@``."""
    try:
        return _name.validate_python(claims.get("name"))
    except ValidationError:
        return email.partition("@")[0]


def _client() -> oidc.Client:
    """Return who we are to Google. The secret's ``issuer`` is for tests.

    Raises:
        GoogleLogInOff: it is switched off, or the secret is not filled in.
    """
    fields = secret(settings().google_client_secret) if settings().google_log_in else {}
    if not fields.get("client_id") or not settings().public_url:
        raise GoogleLogInOff
    return oidc.Client(
        fields.get("issuer") or _ISSUER, fields["client_id"], fields["client_secret"], fields["redirect_uri"]
    )


def _bytes(challenge: str) -> bytes:
    return base64.urlsafe_b64decode(challenge + "=")
