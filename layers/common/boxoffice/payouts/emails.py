"""The emails about payout methods and payouts."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from boxoffice import db, sql
from boxoffice.emails import Content, NotNeeded, money_of, write
from boxoffice.languages import N_, gettext
from boxoffice.payouts import service
from boxoffice.payouts.models import MethodKind, PayoutStatus
from boxoffice.times import in_utc

SQL = sql.queries("payouts")

_SUBJECTS: dict[PayoutStatus, str] = {
    "requested": N_("A payout was requested"),
    "approved": N_("A payout was approved"),
    "rejected": N_("A payout was rejected"),
    "sent": N_("A payout was sent"),
    "returned": N_("A payout came back"),
}


@dataclass(frozen=True)
class EmailMethod:
    """What an email says of a payout method."""

    kind: MethodKind
    country: str
    currency: str
    holder: str
    bank: str | None
    ending: str
    usable_from: datetime
    organisation_name: str
    created_by_name: str


def payout_method_added(conn: db.Connection, method_id: str) -> Content:
    """Tell an owner that somebody has added a payout method, which they may not know."""
    method = db.one(conn, EmailMethod, SQL.get_method_for_email, id=UUID(method_id))
    if method is None:
        raise NotNeeded("the payout method was removed")
    subject = gettext("Your organisation has a new payout method")
    return write("payout_method_added", subject, {"method": method, "usable_from": in_utc(method.usable_from)})


def payout_changed(conn: db.Connection, payout_id: str, status: PayoutStatus) -> Content:
    """Tell an owner what has become of a payout."""
    payout = service.get_payout(conn, UUID(payout_id))
    if payout.status != status and status in ("requested", "approved"):
        raise NotNeeded("a later email says what has become of the payout")
    facts = {"payout": payout, "status": status, "amount": money_of(payout.amount, payout.currency)}
    return write("payout_changed", gettext(_SUBJECTS[status]), facts)


EMAILS = (payout_method_added, payout_changed)
