"""Rate limits: how often somebody may try. The database counts, so that a limit holds for all environments together."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any, Literal
from uuid import UUID

from boxoffice import api, db, sql
from boxoffice.addresses import network_of
from boxoffice.answer import set_header
from boxoffice.errors import SmsLimitReached, TooManyRequests
from boxoffice.observability import count

SQL = sql.queries()

_BATCH = 5000

ATTEMPTS = 10
ATTEMPTS_WINDOW = timedelta(minutes=15)
SECOND_FACTOR_ATTEMPTS = 5
REFUSED_CODES = 100
WRONG_TOKENS = 100
SMS_FROM_ONE_ADDRESS = 100  # in an hour; a venue is one address
WRONG_CODES_FROM_ONE_ADDRESS = 100
WRONG_PASSWORDS_FROM_ONE_ADDRESS = 100
HASHES = 100  # each takes a quarter of a second
SIGN_UPS_FROM_ONE_ADDRESS = 100
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EMAILS = 5
EMAILS_FROM_ONE_ADDRESS = 100  # in the same time; a venue or a carrier can be many people
EMAILS_WINDOW = timedelta(hours=1)
RESETS_WINDOW = timedelta(minutes=30)  # as long as such a link works
EXPORTS = 5
EXPORTS_WINDOW = timedelta(days=1)
INVITATIONS = 20
WAITLIST_FROM_ONE_ADDRESS = 100
GUEST_SEARCHES = 300  # of a device, or of a whole team with one account or key


@contextmanager
def limit_passwords(account: str, *wrong: type[Exception], knows_caller: bool = False) -> Iterator[None]:
    """Count a try of a password for the account and for the caller's address. Take it back unless it was wrong.

    It counts before the block looks at the password. So of many who try at once, only ten get that far. Since a right
    password leaves no trace, the headers do not tell if somebody logs in.

    Args:
        account: its id, or the email address that somebody names.
        wrong: the errors that say that the password is wrong.
        knows_caller: True if somebody has logged in to the account from the caller's network. The network has its ten
            tries to itself then, so that strangers elsewhere do not lock the owner out.

    Raises:
        TooManyRequests: in fifteen minutes before, there were ten wrong passwords for the account, or a hundred from
            the address, which can be many people. Or a hundred of whatever kind got that far for the account.
    """
    tries = [
        Limit(f"password {_apart(account, knows_caller=knows_caller)}", ATTEMPTS, ATTEMPTS_WINDOW),
        Limit(f"password {_address()}", WRONG_PASSWORDS_FROM_ONE_ADDRESS, ATTEMPTS_WINDOW),
    ]
    _count_all([*tries, Limit(f"hash {account}", HASHES, ATTEMPTS_WINDOW)])
    try:
        yield
    except wrong:
        raise
    except Exception:
        _take_back(tries)
        raise
    _take_back(tries)


def limit_sign_ups() -> None:
    """Count a sign-up for the caller's address, which can be many people.

    Raises:
        TooManyRequests: there were a hundred in fifteen minutes before.
    """
    _limit("sign up", [_address()], SIGN_UPS_FROM_ONE_ADDRESS, ATTEMPTS_WINDOW)


@contextmanager
def limit_second_factor(account_id: UUID) -> Iterator[None]:
    """Count a try of a code of an account's second factor. If the block ends without an error, forget all tries.

    It counts before the block looks at the code. So of many who try at once, only five get that far.

    Raises:
        TooManyRequests: there were five wrong codes in fifteen minutes before. Then even a right code is refused.
    """
    subject = str(account_id)
    _limit("second factor", [subject], SECOND_FACTOR_ATTEMPTS, ATTEMPTS_WINDOW)
    yield
    with db.autocommit() as conn:
        db.run(conn, SQL.forget_attempts, bucket=f"second factor {subject}")


def limit_emails(subject: UUID) -> None:
    """Count a request for an email about an order or a ticket.

    Raises:
        TooManyRequests: there were five requests in an hour before.
    """
    _limit("resend", [str(subject)], EMAILS, EMAILS_WINDOW)


def limit_emails_to(email: str, *others: str) -> None:
    """Count a request that writes to an email address which anybody can name, whichever route it comes by.

    It counts before anybody looks whether an account has the address. So a refusal does not tell that.

    Args:
        others: whom the request counts for too, such as the account that makes it.

    Raises:
        TooManyRequests: in the last hour there were five such requests for one of them, or a hundred by the caller.
    """
    _limit("emails by", [_address()], EMAILS_FROM_ONE_ADDRESS, EMAILS_WINDOW)
    _limit("emails to", [_mailbox(email), *others], EMAILS, EMAILS_WINDOW)


def limit_links_to(email: str, what: Literal["reset", "orders", "personal data"]) -> None:
    """Count a request for a link that its owner needs to get at what is theirs.

    Each kind counts apart from all other emails. Anybody can have an invitation sent to an address, and would keep its
    owner out. Whoever is refused here has got a link of this kind that still works.

    Raises:
        TooManyRequests: there were five for the address in an hour before, or in half an hour if they reset a password.
            Or the caller has had a hundred emails sent in an hour.
    """
    _limit("emails by", [_address()], EMAILS_FROM_ONE_ADDRESS, EMAILS_WINDOW)
    _limit(f"{what} to", [email], EMAILS, RESETS_WINDOW if what == "reset" else EMAILS_WINDOW)


def limit_exports(subject: str) -> None:
    """Count an export of all that is held about a person.

    Raises:
        TooManyRequests: there were five in a day before.
    """
    _limit("export", [subject], EXPORTS, EXPORTS_WINDOW)


def limit_guest_searches() -> None:
    """Count a search of a guest list, so that nobody at the door copies the list piece by piece.

    Raises:
        TooManyRequests: the caller has searched three hundred times in fifteen minutes before.
    """
    _limit("search guests", [str(api.caller().actor)], GUEST_SEARCHES, ATTEMPTS_WINDOW)


def limit_waitlist(email: str) -> None:
    """Count a request to join a waitlist, for the caller's address and for the email address.

    Raises:
        TooManyRequests: in fifteen minutes before, there were ten requests for the email address. Or the caller's
            address, which can be many people, has sent a hundred.
    """
    _limit("waitlist by", [_address()], WAITLIST_FROM_ONE_ADDRESS, ATTEMPTS_WINDOW)
    _limit("waitlist", [email], ATTEMPTS, ATTEMPTS_WINDOW)


def limit_applications(account_id: UUID) -> None:
    """Count an application of a seller.

    Raises:
        TooManyRequests: the account has sent ten in fifteen minutes before.
    """
    _limit("apply", [str(account_id)], ATTEMPTS, ATTEMPTS_WINDOW)


def limit_invitations(organisation_id: UUID, account_id: UUID, email: str) -> None:
    """Count an invitation, so that nobody sends spam through us.

    It counts for the organisation, for the account that invites, which may own many, and for the email address. It
    counts for the caller's address too, since one person can make many accounts.

    Raises:
        TooManyRequests: in the hour before, there were twenty of either of the first two, or five emails to the
            address. Or the caller has had a hundred emails sent.
    """
    _limit("emails by", [_address()], EMAILS_FROM_ONE_ADDRESS, EMAILS_WINDOW)
    _limit("invite", [str(organisation_id), str(account_id)], INVITATIONS, EMAILS_WINDOW)
    _limit("emails to", [_mailbox(email)], EMAILS, EMAILS_WINDOW)


@contextmanager
def limit_guesses(code: str | None, *wrong: type[Exception]) -> Iterator[None]:
    """Count a wrong code, for the caller's address. A code is wrong if the block raises one of the ``wrong`` errors.

    A right code does not count, since many buyers can share an address. Without a code this does nothing.

    Raises:
        TooManyRequests: there were ten wrong codes in fifteen minutes before. Then even a right code is refused.
    """
    if code is None:
        yield
        return
    with _limit_failures("guess", ATTEMPTS, wrong):
        yield


@contextmanager
def limit_refused_codes(*refused: type[Exception]) -> Iterator[None]:
    """Count a code that the provider of log-ins refuses, for the caller's address, since each costs us a call.

    Raises:
        TooManyRequests: there were a hundred of them in fifteen minutes before.
    """
    with _limit_failures("refused code", REFUSED_CODES, refused):
        yield


@contextmanager
def limit_wrong_tokens(action: Literal["pair", "transfer"], *wrong: type[Exception]) -> Iterator[None]:
    """Count a wrong code of a door pass, or token of a transfer, for the caller's address, as `limit_guesses` does.

    Nobody can guess one. So the limit is generous: a venue is one address.

    Raises:
        TooManyRequests: there were a hundred wrong ones in fifteen minutes before.
    """
    with _limit_failures(action, WRONG_TOKENS, wrong):
        yield


@contextmanager
def _limit_failures(action: str, most: int, wrong: tuple[type[Exception], ...]) -> Iterator[None]:
    """Count an attempt of the caller's address if the block raises one of the ``wrong`` errors."""
    subject = _address()
    with db.autocommit() as conn:
        if_wrong = db.many(conn, dict, SQL.list_next_attempts, buckets=[f"{action} {subject}"])
    _check(if_wrong, most)
    try:
        yield
    except wrong:
        _limit(action, [subject], most, ATTEMPTS_WINDOW)
        raise


def list_old(conn: db.Connection, leave_out: Collection[str] = ()) -> list[str]:
    """Return a batch of buckets whose window is over.

    Args:
        leave_out: buckets that the run has tried already.
    """
    rows = db.many(conn, dict, SQL.list_old_rate_limits, leave_out=list(leave_out), batch=_BATCH)
    return [row["id"] for row in rows]


def purge(conn: db.Connection, buckets: Sequence[str]) -> int:
    """Delete buckets whose window is over, with the addresses that they name. Return their number."""
    return db.run(conn, SQL.take_and_delete_rate_limits, buckets=list(buckets))


@dataclass(frozen=True)
class Limit:
    """How many attempts a bucket takes in a time, and the error that refuses more."""

    bucket: str
    most: int
    window: timedelta
    refusal: type[TooManyRequests | SmsLimitReached] = TooManyRequests


def limit_sms(
    phone: str,
    *,
    country: str,
    slowed_prefix: str | None,
    most_to_country: int,
    most_in_all: int,
    knows_caller: bool = False,
) -> None:
    """Count a text message that somebody asks for, or count nothing if that is refused.

    Each message costs money, and some people earn by having messages sent to numbers of theirs. So there are limits for
    the number, the address, the country and all messages. A prefix where few codes are used is slowed.

    Args:
        country: of the phone; ``most_to_country`` messages a day go there.
        slowed_prefix: the prefix of the phone, if few codes are used there.
        most_in_all: how many messages a day are sent.
        knows_caller: as for `limit_passwords`.

    Raises:
        TooManyRequests: the number got three within an hour or ten within a day. Or the address asked for a
            hundred within an hour.
        SmsLimitReached: no more are sent to the prefix, to the country or at all for now.
    """
    number = _apart(phone, knows_caller=knows_caller)
    limits = [
        Limit(f"sms hour {number}", 3, HOUR),
        Limit(f"sms day {number}", 10, DAY),
        Limit(f"sms {_address()}", SMS_FROM_ONE_ADDRESS, HOUR),
        Limit(f"sms to {country}", most_to_country, DAY, SmsLimitReached),
        Limit("sms to all", most_in_all, DAY, SmsLimitReached),
    ]
    if slowed_prefix:
        limits.append(Limit(f"sms to {slowed_prefix}", 5, HOUR, SmsLimitReached))
    try:
        _count_all(limits)
    except SmsLimitReached:
        count("SmsLimited")
        raise


@contextmanager
def limit_phone_codes(phone: str, *wrong: type[Exception], knows_caller: bool = False) -> Iterator[None]:
    """Count a try of a code that was sent to a phone. For the caller's address count it only if it is wrong.

    Args:
        wrong: the errors that say that the code is wrong.
        knows_caller: as for `limit_passwords`.

    Raises:
        TooManyRequests: the number had fifteen tries within an hour or thirty within a day. Or the address had a
            hundred wrong ones within a quarter of an hour.
    """
    with _limit_failures("code", WRONG_CODES_FROM_ONE_ADDRESS, wrong):
        number = _apart(phone, knows_caller=knows_caller)
        _count_all([Limit(f"code hour {number}", 15, HOUR), Limit(f"code day {number}", 30, DAY)])
        yield


def _count_all(limits: Sequence[Limit]) -> None:
    """Count an attempt in each bucket, or in none if one is full. Then no lock is taken either."""
    buckets, windows = [limit.bucket for limit in limits], [limit.window for limit in limits]
    with db.autocommit() as conn:
        _refuse_more(limits, db.many(conn, dict, SQL.list_next_attempts, buckets=buckets))
    with db.transaction() as conn:
        counted = db.many(conn, dict, SQL.count_attempts, buckets=buckets, windows=windows)
        _refuse_more(limits, counted)
    most_of = {limit.bucket: limit.most for limit in limits if limit.refusal is TooManyRequests}
    shown = [bucket for bucket in counted if bucket["bucket"] in most_of]
    tightest = min(shown, key=lambda bucket: most_of[bucket["bucket"]] - bucket["attempts"])
    _set_headers(tightest, most_of[tightest["bucket"]])


def _apart(account: str, *, knows_caller: bool) -> str:
    """Return the subject that stands for an account, or for it and the caller's network if it knows that."""
    return f"{account} {_address()}" if knows_caller else account


def _take_back(limits: Sequence[Limit]) -> None:
    """Count an attempt no longer, in buckets that have counted it."""
    with db.autocommit() as conn:
        db.run(conn, SQL.lock_and_take_attempts_back, buckets=[limit.bucket for limit in limits])


def _refuse_more(limits: Sequence[Limit], counted: Sequence[dict[str, Any]]) -> None:
    """Refuse the attempt if a bucket has counted more than its limit.

    Raises:
        TooManyRequests, SmsLimitReached: by the first limit of which that is so.
    """
    counted_of = {bucket["bucket"]: bucket for bucket in counted}
    for limit in limits:
        bucket = counted_of.get(limit.bucket)
        if bucket and bucket["attempts"] > limit.most:
            if limit.refusal is TooManyRequests:
                _set_headers(bucket, limit.most)
            raise limit.refusal(retry_after=_seconds_left(bucket))


def _mailbox(email: str) -> str:
    """Return the mailbox that an address leads to: what follows a ``+`` only sorts mail, and Gmail reads over dots."""
    name, _, domain = email.rpartition("@")
    name = name.partition("+")[0] or name
    if domain in ("gmail.com", "googlemail.com"):
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"


def _address() -> str:
    """Return the subject that stands for the caller's address, or for their network if that is IPv6.

    An address that a shop passes on counts for its organisation alone. Any seller can name any address, and could use
    up what its owner may do elsewhere.
    """
    caller = api.caller()
    if caller.buyer_address:
        return f"address {network_of(caller.buyer_address)} of {caller.acts_for}"
    return f"address {network_of(caller.address)}"


def _limit(action: str, subjects: list[str], most: int, window: timedelta) -> None:
    """Count an attempt for each subject, and check the limit.

    It has a transaction of its own, so that failed attempts count too.
    """
    buckets = sorted(f"{action} {subject}" for subject in subjects)
    with db.transaction() as conn:
        counted = db.many(conn, dict, SQL.count_attempts, buckets=buckets, windows=[window] * len(buckets))
    _check(counted, most)


def _check(counted: list[dict[str, Any]], most: int) -> None:
    """Set the headers that state the limit, of the bucket with the most attempts.

    Raises:
        TooManyRequests: there were too many attempts.
    """
    if not counted:
        return
    fullest = max(counted, key=lambda bucket: bucket["attempts"])
    _set_headers(fullest, most)
    if fullest["attempts"] > most:
        raise TooManyRequests(retry_after=_seconds_left(fullest))


def _set_headers(bucket: dict[str, Any], most: int) -> None:
    set_header("RateLimit-Limit", str(most))
    set_header("RateLimit-Remaining", str(max(0, most - bucket["attempts"])))
    set_header("RateLimit-Reset", str(_seconds_left(bucket)))


def _seconds_left(bucket: dict[str, Any]) -> int:
    return max(1, ceil(float(bucket["resets_in"])))
