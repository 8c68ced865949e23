"""Codes that prove a phone: sent by text message, tried, and used once.

A code stands nowhere. It is derived from the id of its row, under a key of the ring for this purpose alone. A hash of
it would be no secret: whoever reads the database would try the million codes in a second. The outbox has the id, and
the worker derives the code when it writes the text message.

A try counts before the code is compared, in a transaction of its own. However many guess at once, the network that has
asked for a code has five tries of it. All others together have five more. So no stranger elsewhere can use up the tries
of a phone's owner, nor end their code by asking for another. Of the million codes, strangers try 80 in a day at most.
That is 5 for each of the 10 messages that they may cause, and 30 others (`rate_limit.limit_phone_codes`).
"""

import hmac
from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from boxoffice import db, outbox, phones, platform_settings, signing, sql
from boxoffice.accounts import rules
from boxoffice.accounts.errors import PhoneNotSupported, WrongPhoneCode
from boxoffice.accounts.models import PhoneCodeView, PhoneUsage, SmsAllowance, TriedCode
from boxoffice.addresses import network_of
from boxoffice.auth import Caller
from boxoffice.config import settings
from boxoffice.ids import new_id

SQL = sql.queries("accounts")

LIFETIME = timedelta(minutes=5)
_DIGITS = 6
_PURPOSE = "phone code"
_SAMPLE = 50  # codes of a prefix that say how many are used
_BATCH = 5000


def get_allowance(conn: db.Connection, phone: str) -> SmsAllowance:
    """Return what limits the text messages to a phone. It is the same whether or not somebody has an account with it.

    Raises:
        PhoneNotSupported: it is no mobile phone of a country that the platform sends text messages to.
    """
    config = platform_settings.current(conn)
    facts = phones.facts_of(phone)
    if not facts.is_mobile or facts.country not in config.sms_countries:
        raise PhoneNotSupported(countries=sorted(config.sms_countries))
    usage = db.exactly_one(conn, PhoneUsage, SQL.get_usage_of_prefix, prefix=facts.prefix, sample=_SAMPLE)
    return SmsAllowance(
        country=facts.country,
        slowed_prefix=facts.prefix if rules.is_pumped(usage) else None,
        most_to_country=config.sms_to_country_per_day,
        most_in_all=config.sms_per_day,
    )


def asked_from(conn: db.Connection, caller: Caller, phone: str) -> bool:
    """Return True if the caller's network has asked for a code to a phone that is not over yet."""
    return bool(db.value(conn, SQL.has_live_code, phone=phone, network=network_of(caller.address)))


def send(conn: db.Connection, caller: Caller, phone: str) -> PhoneCodeView:
    """Make a new code for a phone and owe the text message. It ends the code before of the caller's network."""
    code_id = new_id()
    key_id, _ = signing.current_key(_ring())
    db.run(
        conn,
        SQL.insert_phone_code,
        id=code_id,
        phone=phone,
        prefix=phones.facts_of(phone).prefix,
        network=network_of(caller.address),
        key_id=int(key_id),
        lifetime=LIFETIME,
    )
    outbox.owe_sms(conn, "phone_code", phone, {"code_id": str(code_id)})
    return PhoneCodeView(phone=phone, expires_in=int(LIFETIME.total_seconds()))


def get_live_code(conn: db.Connection, code_id: UUID) -> str | None:
    """Return the digits of a code, or None if it is used or over, or another one has ended it."""
    key_id = db.value(conn, SQL.get_key_of_live_code, id=code_id)
    return None if key_id is None else _derive(code_id, key_id)


def is_over(conn: db.Connection, code_id: UUID) -> bool:
    """Return True if the time of a code is over."""
    return bool(db.value(conn, SQL.is_phone_code_over, id=code_id))


def check(conn: db.Connection, caller: Caller, phone: str, code: str) -> UUID:
    """Return the id of a phone's code, if these are its digits. Runs in autocommit, since each try counts.

    The caller's network tries the code that it has asked for. If it has none, it tries the newest that others have.

    Raises:
        WrongPhoneCode: they are not, or the phone has no code that can be tried.
    """
    tried = db.one(conn, TriedCode, SQL.try_phone_code, phone=phone, network=network_of(caller.address))
    right = _derive(tried.id, tried.key_id) if tried else None
    if tried is None or right is None or not hmac.compare_digest(right, code):
        raise WrongPhoneCode
    return tried.id


def use(conn: db.Connection, code_id: UUID) -> None:
    """Use a code that was checked, in the transaction of its effect.

    Raises:
        WrongPhoneCode: it has been used meanwhile, or is over.
    """
    if not db.run(conn, SQL.use_phone_code, id=code_id):
        raise WrongPhoneCode


def list_old_codes(conn: db.Connection, leave_out: Collection[UUID] = ()) -> Sequence[UUID]:
    """Return a batch of codes that are older than two days.

    Args:
        leave_out: codes that the run has tried already.
    """
    return db.values(conn, SQL.list_old_phone_codes, leave_out=list(leave_out), batch=_BATCH)


def purge_codes(conn: db.Connection, code_ids: Sequence[UUID]) -> int:
    """Delete codes, and return their number."""
    return db.run(conn, SQL.purge_phone_codes, ids=list(code_ids))


def _derive(code_id: UUID, key_id: int) -> str | None:
    """Return the digits of a code, or None if the key has been withdrawn."""
    master = signing.key(_ring(), str(key_id))
    if master is None:
        return None
    number = int.from_bytes(signing.mac(master, _PURPOSE, code_id.bytes)[:8])
    return f"{number % 10**_DIGITS:0{_DIGITS}}"


def _ring() -> str:
    return settings().code_keys_secret
