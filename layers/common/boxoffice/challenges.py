"""Challenges, which tell people from programs: Turnstile, hCaptcha or reCAPTCHA, as the deployment is configured.

The three share one protocol, siteverify. A page shows the provider's widget, the client sends us what the widget
answers, and we ask the provider if that is right. If the provider does not say, the outcome is unknown: then guests buy
without a challenge, but no budget is lifted for them (orders/guests.py).
"""

import hashlib
import time
from datetime import timedelta
from typing import Any, Literal, cast

from boxoffice import db, small_calls, sql
from boxoffice.config import secret, settings
from boxoffice.errors import Busy, Challenge
from boxoffice.observability import count, logger

SQL = sql.queries()

TIMEOUT = 3.0  # seconds, since a buyer waits
URLS = {
    "turnstile": "https://challenges.cloudflare.com/turnstile/v0/siteverify",
    "hcaptcha": "https://api.hcaptcha.com/siteverify",
    "recaptcha": "https://www.google.com/recaptcha/api/siteverify",
}
_LARGEST_ANSWER = 10_000  # bytes
_PAUSE = 10.0  # seconds in which a provider that has not answered is not asked again
_LIFETIME = timedelta(minutes=10)  # no provider takes an answer that is older
# What a provider says when the fault is ours or its own. A client cannot bring it about. It can bring about hCaptcha's
# sitekey-secret-mismatch, by the answer to another site's challenge.
_FAULTS = {"missing-input-secret", "invalid-input-secret", "internal-error"}

_silent_until = 0.0


def offered() -> Challenge | None:
    """Return the challenge that guests can solve, or None if the deployment has none."""
    provider, site_key = settings().challenge_provider, settings().challenge_site_key
    return cast(Challenge, {"provider": provider, "site_key": site_key}) if provider else None


def verify(response: str) -> Literal["passed", "failed", "unknown"]:
    """Return what a client's answer to the challenge is worth. Each answer passes once. This ends within seconds.

    It calls the provider, so no transaction may be open.
    """
    if offered() is None:
        return "unknown"
    try:
        answer = _ask(response)
    except (Busy, _Unavailable) as error:
        logger.warning("a challenge is not verified", exc_info=error)
        count("ChallengesUnverified")
        return "unknown"
    if answer["success"] is not True:
        return "failed"
    return "passed" if _is_first_use(response) else "failed"


class _Unavailable(Exception):
    """The provider does not answer as it should, or does not know us."""


def _ask(response: str) -> dict[str, Any]:
    """Return what the provider says of an answer. After a failure it is left alone for some seconds.

    Raises:
        _Unavailable: it does not say.
        Busy: our secret cannot be read.
    """
    global _silent_until
    if time.monotonic() < _silent_until:
        raise _Unavailable("it has not answered a moment ago")
    account = secret(settings().challenge_secret)
    url = account.get("url") or URLS[settings().challenge_provider]  # another one for a stand-in of the provider
    try:
        fields = {"secret": account.get("secret", ""), "response": response}
        _, answer = small_calls.call("POST", url, timeout=TIMEOUT, largest=_LARGEST_ANSWER, fields=fields)
        if "success" not in answer:
            raise _Unavailable("the answer does not say if it is right")
        if faults := _FAULTS.intersection(map(str, answer.get("error-codes") or ())):
            raise _Unavailable(f"the provider answers {sorted(faults)}")
    except (_Unavailable, small_calls.NoAnswer) as error:
        _silent_until = time.monotonic() + _PAUSE
        raise _Unavailable(str(error)) from error
    return answer


def _is_first_use(response: str) -> bool:
    """Note that an answer is used. Return True if nobody has used it before."""
    bucket = f"solved challenge {hashlib.sha256(response.encode()).hexdigest()}"
    with db.autocommit() as conn:
        counted = db.exactly_one(conn, dict, SQL.count_attempts, buckets=[bucket], windows=[_LIFETIME])
    return bool(counted["attempts"] == 1)


def forget() -> None:
    """Ask the provider again, even if it has not answered a moment ago."""
    global _silent_until
    _silent_until = 0.0
