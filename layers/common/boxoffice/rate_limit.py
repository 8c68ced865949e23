"""Rate limits: how often somebody may try. The database counts, so that a limit holds for all environments together.

An attempt counts in several buckets, or in none if one of them is full. Then it is refused, and writes nothing. Where
only failures count, an attempt counts before anybody looks whether it is right, and is taken back if it is. So of many
attempts at once no more get that far than the limit allows.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Literal
from uuid import UUID

from boxoffice import db, sql
from boxoffice.addresses import network_of
from boxoffice.answer import set_header
from boxoffice.auth import Caller, Who, reads_address
from boxoffice.errors import SmsLimitReached, TooManyRequests
from boxoffice.mailboxes import mailbox_of
from boxoffice.observability import count

SQL = sql.queries()

_BATCH = 5000

QUARTER, HALF, HOUR, DAY = timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=15)

# In a quarter of an hour. An address can be many people: a venue, a carrier's NAT or a shop's server.
FROM_ONE_ADDRESS = 300
WRONG_PASSWORDS = 10
WRONG_SECOND_FACTOR_CODES = 5
WRONG_VOUCHERS = 10
WRONG_VOUCHERS_FROM_ONE_ADDRESS = 50  # of one seller, since some codes are short
HASHES = 100  # each takes a quarter of a second
SIGN_UPS_FROM_ONE_ADDRESS = 100
NEW_ACCOUNTS = 10  # of a mailbox in a day
APPLICATIONS = 10
UPDATES = 30
REFRESHES = 30
MESSAGE_PREVIEWS = 30
GUEST_SEARCHES = 300  # of a device, or of a whole team with one account or key
VIEWS_AN_HOUR, VIEWS_A_DAY = 100, 500  # of one event, from one network

# In an hour, if nothing else is said.
SMS_FROM_ONE_ADDRESS = 100
EMAILS, EMAILS_A_DAY = 10, 30
EMAILS_FROM_ONE_ADDRESS = 300
LINKS, LINKS_BY_ONE_NETWORK = 5, 20
PERSONAL_DATA_LINKS, PERSONAL_DATA_LINKS_BY_ALL = 5, 30  # in a day, to a mailbox
RESENDS = 5
ORDER_CHANGES = 20
INVITATIONS = 20
FILES = 30
PAYOUT_METHODS = 20  # in a day
PAYOUTS = 50  # in a day
EXPORTS = 5  # in a day
UPLOADS = 200  # of an organisation
MADE = {"events": 200, "copies": 20, "galleries": 100, "places": 100}  # for an organisation, and by an account or a key
WAITLIST_LINKS, WAITLIST_LINKS_BY_ALL = 10, 30  # in a day, to a mailbox

_LINKS_WINDOW = {"reset": HALF, "orders": HOUR}  # no longer than such a link works


@dataclass(frozen=True)
class Limit:
    """How many attempts a bucket takes in a time, and the error that refuses more.

    Attributes:
        slows: True if more attempts only have to wait: a minute, then twice as long each time, up to a quarter of an
            hour. So strangers who keep trying cannot shut the bucket for good.
    """

    bucket: str
    most: int
    window: timedelta
    refusal: type[TooManyRequests | SmsLimitReached] = TooManyRequests
    slows: bool = False


@dataclass(frozen=True)
class _Counted:
    """A bucket as it is with one more attempt.

    Attributes:
        resets_in: seconds until it is empty again.
        idle: seconds since the attempt before; None if there was none.
    """

    bucket: str
    attempts: int
    resets_in: float
    idle: float | None


@contextmanager
def limit_passwords(
    caller: Caller,
    account: str,
    *wrong: type[Exception],
    knows_caller: bool = False,
    known_device: UUID | None = None,
) -> Iterator[None]:
    """Count a wrong password for the account. Since a right one leaves no trace, no header tells if somebody logs in.

    Args:
        account: its id, or the email address that somebody names.
        wrong: the errors that say that the password is wrong.
        knows_caller: True if somebody has logged in to the account from the caller's network.
        known_device: a session of the account, if the caller's device has had it. It has ten wrong passwords to itself,
            so that no neighbour in its network shuts it out.

    Raises:
        TooManyRequests: in fifteen minutes before, the caller's network sent ten wrong passwords for the account, or
            three hundred for all accounts. Or a hundred for the account were hashed, wrong or right. Or networks that
            the account does not know sent it ten within a day: then the next must wait. If `let_in` has let the network
            in, three hundred and the hundred are its only limits.
    """
    address = _address(caller)
    if known_device:
        limits = [Limit(f"password {account} device {known_device}", WRONG_PASSWORDS, QUARTER)]
    else:
        limits = [Limit(f"password {address}", FROM_ONE_ADDRESS, QUARTER)]
        if not _is_let_in(caller, account):
            limits.append(Limit(f"password {account} {address}", WRONG_PASSWORDS, QUARTER))
            if not knows_caller:
                limits.append(Limit(f"password {account}", WRONG_PASSWORDS, DAY, slows=True))
    hashes = Limit(f"hash {account}", HASHES, QUARTER)
    with _count_failures(limits, wrong, always=[hashes]):
        yield


def let_in(caller: Caller, account: str) -> None:
    """Let the caller's network try passwords of an account for an hour, however many others have tried them.

    The caller has just proven that the account is theirs, such as by the link that resets its password.
    """
    limit = Limit(_door(caller, account), FROM_ONE_ADDRESS, HOUR)
    with db.transaction() as conn:
        db.many(conn, _Counted, SQL.count_attempts, buckets=[limit.bucket], windows=[limit.window])


def limit_sign_ups(caller: Caller) -> None:
    """Count a sign-up for the caller's address.

    Raises:
        TooManyRequests: there were a hundred in fifteen minutes before.
    """
    _count([Limit(f"sign up {_address(caller)}", SIGN_UPS_FROM_ONE_ADDRESS, QUARTER)])


@contextmanager
def limit_new_accounts(email: str) -> Iterator[None]:
    """Count an account for its mailbox, unless it is not made.

    A mailbox has any number of addresses. An account of each could have links sent to it.

    Raises:
        TooManyRequests: ten were made in a day before.
    """
    limits = [Limit(f"new account {mailbox_of(email)}", NEW_ACCOUNTS, DAY)]
    _count(limits)
    try:
        yield
    except Exception:
        _take_back(limits)
        raise


@contextmanager
def limit_second_factor(account_id: UUID, *wrong: type[Exception]) -> Iterator[None]:
    """Count a wrong code of an account's second factor.

    Raises:
        TooManyRequests: there were five wrong codes in fifteen minutes before. Then even a right code is refused.
    """
    with _count_failures([Limit(f"second factor {account_id}", WRONG_SECOND_FACTOR_CODES, QUARTER)], wrong):
        yield


def limit_updates(account_id: UUID) -> None:
    """Count a change of an account's own profile, each of which the audit log keeps.

    Raises:
        TooManyRequests: there were thirty in fifteen minutes before.
    """
    _count([Limit(f"update {account_id}", UPDATES, QUARTER)])


def limit_order_changes(caller: Caller, order_id: UUID, acts_as: Who, *emails: str) -> None:
    """Count a change of an order's buyer or holders, each of which its history keeps.

    Its link may be with a stranger, by a slip of the pen. So whoever has that cannot use up what managers and its own
    account may change.

    Args:
        emails: whom the change has something sent to.

    Raises:
        TooManyRequests: there were twenty in an hour before, by guests, by the account or by managers. Or
            `limit_resends` refuses its emails.
    """
    limits = [Limit(f"change order {order_id} as {acts_as}", ORDER_CHANGES, HOUR)]
    if emails:
        limits.append(_resends(order_id))
    _count_emails(caller, emails, limits)


def limit_refreshes(conn: db.Connection, session_id: UUID) -> None:
    """Count a refresh of a session, each of which stores a token, in the transaction of the refresh.

    Raises:
        TooManyRequests: there were thirty in fifteen minutes before. A client needs one.
    """
    _count_in(conn, [Limit(f"refresh {session_id}", REFRESHES, QUARTER)])


def limit_emails_to(caller: Caller, email: str, *others: str) -> None:
    """Count an email that the caller causes, for the mailbox that it goes to, whatever it says.

    Everything that strangers can have sent counts together, but for the links that let people in, and what was paid
    for. What the reader of the mailbox asks for does not count: an account whose own address it is, once verified.

    Args:
        others: whom the email counts for too, such as the account that causes it.

    Raises:
        TooManyRequests: there were ten in an hour for the mailbox or one of the others, or thirty in a day for the
            mailbox. Or the caller's address has had three hundred emails sent in an hour.
    """
    _count_emails(caller, [email], [Limit(f"emails to {each}", EMAILS, HOUR) for each in others])


def limit_notices(caller: Caller, *account_ids: UUID) -> None:
    """Count an email that tells accounts what has been changed, as `limit_emails_to` does.

    It counts only for those that have not verified their address: somebody else may read it.

    Raises:
        TooManyRequests: as in `limit_emails_to`.
    """
    with db.autocommit() as conn:
        limits = _notices(conn, caller, *account_ids)
    if limits:
        _count(limits)


@contextmanager
def limit_orders_to(conn: db.Connection, caller: Caller, email: str) -> Iterator[None]:
    """Count the confirmation of an order that costs nothing, in the transaction of the order that the block places.

    It counts as `limit_emails_to` does, but for no address: many buyers share one when a sale begins.

    Raises:
        TooManyRequests: as in `limit_emails_to`.
    """
    if reads_address(conn, caller, email):
        yield
        return
    limits = _to(email)
    _refuse_full(conn, limits)
    yield
    _add(conn, limits)


def limit_resends(caller: Caller, subject: UUID, *emails: str) -> None:
    """Count another email about an order or a ticket. If it goes to several people, it counts for each of them.

    Raises:
        TooManyRequests: there were five about it in an hour before. Or `limit_emails_to` refuses it.
    """
    _count_emails(caller, emails, [_resends(subject)])


def limit_links_to(caller: Caller, email: str, what: Literal["reset", "orders"]) -> None:
    """Count a request for a link that its owner needs to get at what is theirs.

    Each kind counts apart from all other emails. Anybody can have an invitation sent to an address, and would keep its
    owner out. Whoever is refused here has got a link of this kind that still works. Or somebody in the same network
    asks for all addresses of the mailbox. It counts before anybody looks whether an account has the address. So a
    refusal does not tell that.

    Raises:
        TooManyRequests: the address got five in the time: half an hour to reset a password, an hour to see orders. Or
            its mailbox got twenty from the caller's network. Or that has had three hundred emails sent in an hour.
    """
    links, window = f"{what} to {mailbox_of(email)} by {_address(caller)}", _LINKS_WINDOW[what]
    limits = [Limit(f"{what} to {email}", LINKS, window), Limit(links, LINKS_BY_ONE_NETWORK, window)]
    _count([_by(caller), *limits])


def limit_personal_data_links(caller: Caller, email: str) -> None:
    """Count the link to what is held about an address, for the mailbox that it goes to.

    It is sent whether or not anything is held, so to each of the addresses that one mailbox has. It counts apart from
    all other emails, and for the caller's network too: a stranger in one network cannot keep the owner out.

    Raises:
        TooManyRequests: within a day the mailbox got five from the caller's network, or thirty in all. Or the caller's
            address has had three hundred emails sent in an hour.
    """
    _count(_links(caller, email, "personal data", PERSONAL_DATA_LINKS, PERSONAL_DATA_LINKS_BY_ALL))


def limit_invitations(caller: Caller, organisation_id: UUID, email: str) -> None:
    """Count an invitation, so that nobody sends spam through us.

    It counts for the organisation and for the account that invites, which may own many. It counts as `limit_emails_to`
    does too.

    Raises:
        TooManyRequests: in the hour before, there were twenty of one of them. Or `limit_emails_to` refuses it.
    """
    inviting = [Limit(f"invite {each}", INVITATIONS, HOUR) for each in (organisation_id, caller.account)]
    _count([*inviting, *_to(email), _by(caller)])


def limit_waitlist(caller: Caller, email: str) -> None:
    """Count the link that puts an address on a waitlist, for the mailbox that it goes to.

    It counts apart from all other emails. A stranger uses up only what their own network may send to a mailbox. So its
    owner can still join from another one, and in any case once they have logged in with that address.

    Raises:
        TooManyRequests: within a day the mailbox got ten from the caller's network, or thirty in all. Or the caller's
            address has had three hundred emails sent in an hour.
    """
    if not _reads(caller, email):
        _count(_links(caller, email, "waitlist", WAITLIST_LINKS, WAITLIST_LINKS_BY_ALL))


def limit_messages(organisation_id: UUID, per_hour: int, per_day: int) -> None:
    """Count a message to the buyers or holders of an event, so that a stolen account writes to few.

    Raises:
        TooManyRequests: the organisation has sent so many in the hour, or the day, before.
    """
    name = f"messages of {organisation_id}"
    _count([Limit(name, per_hour, HOUR), Limit(f"{name} in a day", per_day, DAY)])


def limit_subscriptions(caller: Caller, email: str) -> None:
    """Count a link that subscribes a mailbox to a newsletter, like one that puts it on a waitlist.

    Raises:
        TooManyRequests: the mailbox got ten of them in a day from the caller's network, or thirty in all. Or the
            address has had three hundred emails sent in an hour.
    """
    _count(_links(caller, email, "newsletter", WAITLIST_LINKS, WAITLIST_LINKS_BY_ALL))


def limit_newsletters(list_id: UUID, per_day: int) -> None:
    """Count an issue of a newsletter, so that a stolen account writes few.

    Raises:
        TooManyRequests: so many were sent in the day before.
    """
    _count([Limit(f"newsletters of {list_id}", per_day, DAY)])


def limit_message_previews(account_id: UUID) -> None:
    """Count a preview of such a message, which counts its recipients and may be sent to whoever sees it.

    Raises:
        TooManyRequests: the account has seen thirty in fifteen minutes before.
    """
    _count([Limit(f"message previews {account_id}", MESSAGE_PREVIEWS, QUARTER)])


def limit_exports(subject: str) -> None:
    """Count an export of all that is held about a person.

    Raises:
        TooManyRequests: there were five in a day before.
    """
    _count([Limit(f"export {subject}", EXPORTS, DAY)])


def limit_uploads(conn: db.Connection, organisation_id: UUID) -> None:
    """Count an upload for its organisation, in the transaction that makes it.

    Raises:
        TooManyRequests: there were two hundred in an hour before.
    """
    _count_in(conn, [Limit(f"upload {organisation_id}", UPLOADS, HOUR)])


def limit_making(
    conn: db.Connection,
    caller: Caller,
    organisation_id: UUID,
    what: Literal["events", "copies", "galleries", "places"],
) -> None:
    """Count a request that writes much or makes lists long, in the transaction that does it.

    Whoever waits for approval may draft, too. So a stranger could fill the database with a few bytes a request, and
    the list of all galleries would pass over theirs.

    Raises:
        TooManyRequests: in an hour before, 200 events, 100 galleries or 100 places were made, or 20 requests have made
            copies.
    """
    makers = (f"of {organisation_id}", f"by {caller.actor}")
    _count_in(conn, [Limit(f"{what} {maker}", MADE[what], HOUR) for maker in makers])


def limit_guest_searches(caller: Caller) -> None:
    """Count a search of a guest list, so that nobody at the door copies the list piece by piece.

    Raises:
        TooManyRequests: the caller has searched three hundred times in fifteen minutes before.
    """
    _count([Limit(f"search guests {caller.actor}", GUEST_SEARCHES, QUARTER)])


def limit_views(caller: Caller, event_id: UUID) -> None:
    """Count a view of an event, so that nobody makes up figures or fills the disk.

    Raises:
        TooManyRequests: the caller's network has looked at it a hundred times in an hour before, or five hundred times
            in a day.
    """
    viewed = f"{event_id} {_address(caller)}"
    limits = [Limit(f"views an hour {viewed}", VIEWS_AN_HOUR, HOUR), Limit(f"views a day {viewed}", VIEWS_A_DAY, DAY)]
    _count(limits)


def limit_files(conn: db.Connection, organisation_id: UUID) -> None:
    """Count an export of an organisation, in the transaction that owes it.

    Raises:
        TooManyRequests: there were thirty in an hour before.
    """
    _count_in(conn, [Limit(f"files {organisation_id}", FILES, HOUR)])


def limit_payout_methods(conn: db.Connection, caller: Caller, organisation_id: UUID) -> None:
    """Count a payout method that an organisation adds, and the email that tells of it, in the transaction that adds it.

    Raises:
        TooManyRequests: there were twenty in a day before. Or too many emails, as in `limit_notices`.
    """
    of_organisation = Limit(f"payout methods {organisation_id}", PAYOUT_METHODS, DAY)
    _count_in(conn, [of_organisation, *_notices(conn, caller, caller.account)])


def limit_payouts(conn: db.Connection, organisation_id: UUID) -> None:
    """Count a payout that an organisation asks for, in the transaction that makes it: a person looks at each.

    Raises:
        TooManyRequests: there were fifty in a day before.
    """
    _count_in(conn, [Limit(f"payouts {organisation_id}", PAYOUTS, DAY)])


def limit_applications(account_id: UUID) -> None:
    """Count an application of a seller.

    Raises:
        TooManyRequests: the account has sent ten in fifteen minutes before.
    """
    _count([Limit(f"apply {account_id}", APPLICATIONS, QUARTER)])


@contextmanager
def limit_vouchers(
    caller: Caller, organisation_id: UUID | None, buyer_email: str, *wrong: type[Exception]
) -> Iterator[None]:
    """Count a wrong voucher code, for who buys and for the address that they share with others.

    Args:
        organisation_id: the seller. The wrong codes of one seller do not count for another.

    Raises:
        TooManyRequests: in fifteen minutes before, the buyer had ten wrong codes of the seller, or fifty came from the
            address. Then even a right code is refused.
    """
    at_seller = f"voucher {organisation_id} {_address(caller)}"
    buyer = caller.account_id or mailbox_of(buyer_email)
    limits = [
        Limit(f"{at_seller} {buyer}", WRONG_VOUCHERS, QUARTER),
        Limit(at_seller, WRONG_VOUCHERS_FROM_ONE_ADDRESS, QUARTER),
    ]
    with _count_failures(limits, wrong):
        yield


@contextmanager
def limit_wrong_tokens(
    caller: Caller, action: Literal["pair", "transfer", "order email", "refresh"], *wrong: type[Exception]
) -> Iterator[None]:
    """Count a wrong token for the caller's address, after it was found wrong.

    Nobody can guess a token of ours. So a right one passes however many wrong ones its neighbours have sent, or
    one of them could end the sessions of a whole venue.

    Raises:
        TooManyRequests: the token is wrong, and there were three hundred wrong ones in fifteen minutes before.
    """
    try:
        yield
    except wrong:
        _count([_wrong_by(caller, action)])
        raise


@contextmanager
def limit_checks_elsewhere(
    caller: Caller, action: Literal["log in with Google", "challenge"], *wrong: type[Exception]
) -> Iterator[None]:
    """Count a proof that somebody else finds wrong, for the caller's address. Each costs us a call.

    Raises:
        TooManyRequests: there were three hundred wrong ones in fifteen minutes before. Then even a right one is
            refused.
    """
    with _count_failures([_wrong_by(caller, action)], wrong):
        yield


def limit_sms(
    caller: Caller,
    phone: str,
    *,
    country: str,
    slowed_prefix: str | None,
    most_to_country: int,
    most_in_all: int,
    knows_caller: bool = False,
) -> None:
    """Count a text message that somebody asks for.

    Each message costs money, and some people earn by having messages sent to numbers of theirs. So there are limits for
    the number, the address, the country and all messages. A prefix where few codes are used is slowed.

    Args:
        country: of the phone; ``most_to_country`` messages a day go there.
        slowed_prefix: the prefix of the phone, if few codes are used there.
        most_in_all: how many messages a day are sent.
        knows_caller: True if somebody has logged in with the phone from the caller's network. The network has its
            messages to itself then, so that strangers elsewhere do not lock the owner out.

    Raises:
        TooManyRequests: the number got three within an hour or ten within a day. Or the address asked for a
            hundred within an hour.
        SmsLimitReached: no more are sent to the prefix, to the country or at all for now.
    """
    number = _apart(caller, phone, knows_caller=knows_caller)
    limits = [
        Limit(f"sms hour {number}", 3, HOUR),
        Limit(f"sms day {number}", 10, DAY),
        Limit(f"sms {_address(caller)}", SMS_FROM_ONE_ADDRESS, HOUR),
        Limit(f"sms to {country}", most_to_country, DAY, SmsLimitReached),
        Limit("sms to all", most_in_all, DAY, SmsLimitReached),
    ]
    if slowed_prefix:
        limits.append(Limit(f"sms to {slowed_prefix}", 5, HOUR, SmsLimitReached))
    try:
        _count(limits)
    except SmsLimitReached:
        count("SmsLimited")
        raise


@contextmanager
def limit_phone_codes(
    caller: Caller, phone: str, *wrong: type[Exception], knows_caller: bool = False
) -> Iterator[None]:
    """Count a wrong code that was sent to a phone.

    Args:
        wrong: the errors that say that the code is wrong.
        knows_caller: as for `limit_sms`. So it is for a network that has just asked for a code to the phone.

    Raises:
        TooManyRequests: the number had fifteen wrong ones within an hour or thirty within a day. Or the address had
            three hundred within a quarter of an hour.
    """
    number = _apart(caller, phone, knows_caller=knows_caller)
    limits = [
        Limit(f"code hour {number}", 15, HOUR),
        Limit(f"code day {number}", 30, DAY),
        Limit(f"code {_address(caller)}", FROM_ONE_ADDRESS, QUARTER),
    ]
    with _count_failures(limits, wrong):
        yield


def list_old(conn: db.Connection, leave_out: Collection[str] = ()) -> list[str]:
    """Return a batch of buckets whose window is over.

    Args:
        leave_out: buckets that the run has tried already.
    """
    return db.values(conn, SQL.list_old_rate_limits, leave_out=list(leave_out), batch=_BATCH)


def purge(conn: db.Connection, buckets: Sequence[str]) -> int:
    """Delete buckets whose window is over, with the addresses that they name. Return their number."""
    return db.run(conn, SQL.take_and_delete_rate_limits, buckets=list(buckets))


@contextmanager
def _count_failures(
    limits: Sequence[Limit], wrong: tuple[type[Exception], ...], always: Sequence[Limit] = ()
) -> Iterator[None]:
    """Count an attempt, and take it back unless the block raises one of the ``wrong`` errors.

    Args:
        always: limits that count it whatever comes of it.
    """
    _count([*limits, *always])
    try:
        yield
    except wrong:
        raise
    except Exception:
        _take_back(limits)
        raise
    _take_back(limits)


def _count(limits: Sequence[Limit]) -> None:
    """Count an attempt in each bucket, or in none if one is full.

    In a transaction that is open, the count stands if that commits. Such a transaction counts once, at its end. With
    two counts it would lock buckets out of order, and wait for one that waits for it.
    """
    with db.autocommit() as conn:
        _refuse_full(conn, limits)
    with db.transaction() as conn:
        _add(conn, limits)


def _count_emails(caller: Caller, emails: Sequence[str], limits: Sequence[Limit]) -> None:
    """Count emails to mailboxes, beside other limits. What a mailbox's own reader asks for counts for those alone.

    Raises: as `_refuse_more`.
    """
    unasked = [email for email in emails if not _reads(caller, email)]
    limits = [*limits, *(limit for email in unasked for limit in (*_to(email), _by(caller)))]
    if limits:
        _count(limits)


def _count_in(conn: db.Connection, limits: Sequence[Limit]) -> None:
    """Do what `_count` does, in a transaction that ends if this raises."""
    _refuse_full(conn, limits)
    _add(conn, limits)


def _refuse_full(conn: db.Connection, limits: Sequence[Limit]) -> None:
    """Refuse an attempt if a bucket is full, before any lock is taken.

    Raises: as `_refuse_more`.
    """
    found = db.many(conn, _Counted, SQL.list_next_attempts, buckets=[limit.bucket for limit in limits])
    _refuse_more(limits, found)


def _add(conn: db.Connection, limits: Sequence[Limit]) -> None:
    """Count an attempt in each bucket, and say in the headers how many are left.

    Raises: as `_refuse_more`. Then the transaction must not commit.
    """
    buckets, windows = [limit.bucket for limit in limits], [limit.window for limit in limits]
    counted = db.many(conn, _Counted, SQL.count_attempts, buckets=buckets, windows=windows)
    _refuse_more(limits, counted)
    most_of = {limit.bucket: limit.most for limit in limits if limit.refusal is TooManyRequests}
    shown = [each for each in counted if each.bucket in most_of]
    tightest = min(shown, key=lambda each: most_of[each.bucket] - each.attempts)
    _set_headers(tightest, most_of[tightest.bucket], tightest.resets_in)


def _take_back(limits: Sequence[Limit]) -> None:
    """Count an attempt no longer, in buckets that have counted it."""
    with db.autocommit() as conn:
        db.run(conn, SQL.lock_and_take_attempts_back, buckets=[limit.bucket for limit in limits])


def _refuse_more(limits: Sequence[Limit], counted: Sequence[_Counted]) -> None:
    """Refuse an attempt that must wait for one of the limits.

    Raises:
        TooManyRequests, SmsLimitReached: by the first of them.
    """
    counted_of = {each.bucket: each for each in counted}
    for limit in limits:
        bucket = counted_of.get(limit.bucket)
        wait = _wait(limit, bucket) if bucket else 0
        if bucket and wait > 0:
            if limit.refusal is TooManyRequests:
                _set_headers(bucket, limit.most, wait)
            raise limit.refusal(retry_after=_seconds(wait))


def _wait(limit: Limit, counted: _Counted) -> float:
    """Return how many seconds an attempt must wait; 0 if it may go on."""
    over = counted.attempts - limit.most
    if over <= 0:
        return 0
    if not limit.slows or counted.idle is None:
        return counted.resets_in
    longest = LONGEST_WAIT.total_seconds()
    between = min(FIRST_WAIT.total_seconds() * 2.0 ** min(over - 1, 10), longest)
    return between - counted.idle


def _set_headers(counted: _Counted, most: int, seconds: float) -> None:
    set_header("RateLimit-Limit", str(most))
    set_header("RateLimit-Remaining", str(max(0, most - counted.attempts)))
    set_header("RateLimit-Reset", str(_seconds(seconds)))


def _seconds(seconds: float) -> int:
    return max(1, ceil(seconds))


def _to(email: str) -> list[Limit]:
    """Return the limits of the emails to a mailbox."""
    mailbox = mailbox_of(email)
    return [Limit(f"emails to {mailbox}", EMAILS, HOUR), Limit(f"emails a day to {mailbox}", EMAILS_A_DAY, DAY)]


def _links(caller: Caller, email: str, what: str, most: int, most_by_all: int) -> list[Limit]:
    """Return the limits of a kind of links to a mailbox in a day: by the caller's network, and by all."""
    links = f"{what} to {mailbox_of(email)}"
    by_network = Limit(f"{links} by {_address(caller)}", most, DAY)
    return [by_network, Limit(links, most_by_all, DAY), _by(caller)]


def _resends(subject: UUID) -> Limit:
    """Return the limit of the emails about an order or a ticket."""
    return Limit(f"resend {subject}", RESENDS, HOUR)


def _notices(conn: db.Connection, caller: Caller, *account_ids: UUID) -> list[Limit]:
    """Return the limits of an email to those of some accounts that have not verified their address."""
    rows = db.many(conn, dict, SQL.list_unverified_emails, account_ids=list(account_ids))
    limits = {limit.bucket: limit for row in rows for limit in _to(row["email"])}
    return [*limits.values(), _by(caller)] if limits else []


def _by(caller: Caller) -> Limit:
    """Return the limit of the emails that one address has sent."""
    return Limit(f"emails by {_address(caller)}", EMAILS_FROM_ONE_ADDRESS, HOUR)


def _wrong_by(caller: Caller, action: str) -> Limit:
    """Return the limit of the wrong tokens of one address."""
    return Limit(f"{action} {_address(caller)}", FROM_ONE_ADDRESS, QUARTER)


def _reads(caller: Caller, email: str) -> bool:
    """Return True if the caller has proven, by a link, that they read an address."""
    with db.autocommit() as conn:
        return reads_address(conn, caller, email)


def _address(caller: Caller) -> str:
    """Return the subject that stands for the caller's address, or for their network if that is IPv6.

    An address that a shop passes on counts for its organisation alone. Any seller can name any address, and could use
    up what its owner may do elsewhere.
    """
    if caller.buyer_address:
        return f"address {network_of(caller.buyer_address)} of {caller.acts_for}"
    return f"address {network_of(caller.address)}"


def _apart(caller: Caller, account: str, *, knows_caller: bool) -> str:
    """Return the subject that stands for an account, or for it and the caller's network if it knows that."""
    return f"{account} {_address(caller)}" if knows_caller else account


def _is_let_in(caller: Caller, account: str) -> bool:
    """Return True if `let_in` has let the caller's network in, lately enough."""
    with db.autocommit() as conn:
        return bool(db.many(conn, _Counted, SQL.list_next_attempts, buckets=[_door(caller, account)]))


def _door(caller: Caller, account: str) -> str:
    return f"let in {account} {_address(caller)}"
