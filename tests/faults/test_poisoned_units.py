"""A unit of a job's work that always raises is set aside, run after run, and all others are done in one.

The database itself refuses the unit, in a trigger, where no data does.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from boxoffice import db
from boxoffice.payments import sending
from boxoffice.refunds import service as refunds
from boxoffice.waitlist import service as waitlist
from tests.helpers import factories, invariants, provider_servers, sellers
from tests.helpers.factories import NOW
from tests.helpers.mailbox import batch, outbox_row, owe
from tests.helpers.support import Client, Database, context, function

LAPSED = NOW - timedelta(minutes=20)
BATCH = 100  # of what jobs find at once, where that is a thousand otherwise


@dataclass(frozen=True)
class Poison:
    """A job with work to do, one unit of which it cannot do until it is mended.

    Attributes:
        step: the name of the kind of work, in the job's answer.
        metrics: what is done, and what has failed.
        unit: the id of the unit, in the log.
        others: how many units there are besides.
    """

    job: str
    step: str
    metrics: tuple[str, str]
    unit: object
    others: int
    mend: Callable[[], object]


class Laboratory:
    """Makes what the jobs work on."""

    def __init__(self, database: Database, conn: db.Connection) -> None:
        self.conn = conn
        self._database = database

    def refuse(self, table: str, condition: str, when: str = "UPDATE") -> None:
        """Let the database refuse a change of some row."""
        with psycopg.connect(self._database.owner_url, autocommit=True) as owner:
            owner.execute(
                """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'refused by a trigger'; END $$"""
            )
            owner.execute(
                f"""CREATE TRIGGER refuse BEFORE {when} ON {table}
                FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"""
            )
        self._table = table

    def mend(self) -> None:
        with psycopg.connect(self._database.owner_url, autocommit=True) as owner:
            owner.execute(f"DROP TRIGGER refuse ON {self._table}")


def expire_orders(lab: Laboratory) -> Poison:
    ticket_type = factories.ticket_type(lab.conn, quantity=1001)
    first, *others = (factories.order(lab.conn, ticket_type, quantity=1, expires_at=LAPSED) for _ in range(1001))
    lab.refuse("orders", f"NEW.id = '{first}' AND NEW.status = 'expired'")
    return Poison("expire_orders", "expired", ("OrdersExpired", "OrdersNotExpired"), first, len(others), lab.mend)


def end_the_waiting(lab: Laboratory) -> Poison:
    event = factories.event(lab.conn, status="cancelled")
    first, *others = (factories.ticket_type(lab.conn, event_id=event, quantity=1) for _ in range(BATCH + 1))
    for ticket_type in (first, *others):
        factories.waitlist_entry(lab.conn, ticket_type)
    lab.refuse("waitlist_entries", f"NEW.ticket_type_id = '{first}' AND NEW.status = 'closed'")
    return Poison("offer_waitlist", "closed", ("WaitingClosed", "WaitingNotClosed"), first, len(others), lab.mend)


def let_offers_lapse(lab: Laboratory) -> Poison:
    ticket_type = factories.ticket_type(lab.conn, quantity=BATCH + 1)
    first, *others = (factories.waitlist_entry(lab.conn, ticket_type, quantity=1) for _ in range(BATCH + 1))
    while waitlist.make_offers(lab.conn, ticket_type):
        pass
    lab.conn.execute("UPDATE waitlist_entries SET expires_at = %s", [LAPSED])
    lab.refuse("waitlist_entries", f"NEW.id = '{first}' AND NEW.status = 'lapsed'")
    return Poison("offer_waitlist", "lapsed", ("OffersLapsed", "OffersNotLapsed"), first, len(others), lab.mend)


def make_offers(lab: Laboratory) -> Poison:
    event = factories.event(lab.conn)
    first, *others = (factories.ticket_type(lab.conn, event_id=event, quantity=2) for _ in range(BATCH + 1))
    for ticket_type in (first, *others):
        factories.waitlist_entry(lab.conn, ticket_type)
    lab.refuse("waitlist_entries", f"NEW.ticket_type_id = '{first}' AND NEW.status = 'offered'")
    return Poison("offer_waitlist", "offered", ("OffersMade", "OffersNotMade"), first, len(others), lab.mend)


def finish_cancellations(lab: Laboratory) -> Poison:
    shop = sellers.Shop(lab.conn)
    ticket_type = shop.ticket_type(quantity=3 * BATCH)
    unpaid = factories.paid_order(lab.conn, ticket_type)  # by no payment, so there is none to give back
    others = [shop.sold(ticket_type) for _ in range(BATCH)]
    assert sellers.cancel_event(Client(), shop).status == 200
    return Poison(
        "finish_cancellations",
        "orders",
        ("OrdersGivenBack", "OrdersNotGivenBack"),
        unpaid,
        len(others),
        lambda: factories.payment(lab.conn, unpaid, status="succeeded"),
    )


def ask_providers(lab: Laboratory) -> Poison:
    ticket_type = factories.ticket_type(lab.conn, quantity=1001)
    orders = [factories.order(lab.conn, ticket_type, quantity=1, expires_at=LAPSED) for _ in range(1001)]
    first, *others = (factories.payment(lab.conn, order, ask_at=LAPSED) for order in orders)
    lab.refuse("payments", f"NEW.id = '{first}' AND NEW.status = 'failed'")
    return Poison("reconcile_payments", "asked", ("PaymentsAsked", "AnswersNotApplied"), first, len(others), lab.mend)


def send_refunds(lab: Laboratory) -> Poison:
    order = factories.paid_order(lab.conn, factories.ticket_type(lab.conn))
    payment = factories.payment(lab.conn, order, status="succeeded")
    first, *others = (sending.owe_refund(lab.conn, payment, 1, "asked for") for _ in range(BATCH + 1))
    lab.refuse("refunds", f"NEW.id = '{first}' AND NEW.status = 'succeeded'")
    return Poison("send_refunds", "refunds_tried", ("RefundsTried", "RefundsNotRecorded"), first, len(others), lab.mend)


def relay_outbox(lab: Laboratory) -> Poison:
    first = owe(lab.conn, UUID(int=0), relay_at="now")
    lab.conn.execute(
        """INSERT INTO outbox (id, kind, template, recipient, payload, relay_at)
        SELECT gen_random_uuid(), kind, template, recipient, payload, relay_at FROM outbox, generate_series(1, 1000)"""
    )
    lab.refuse("outbox", f"NEW.id = '{first}' AND NEW.relay_at > now() + interval '3 minutes'")
    return Poison("relay_outbox", "relayed", ("MessagesRelayed", "MessagesNotRelayed"), first, 1000, lab.mend)


def purge_keys(lab: Laboratory) -> Poison:
    lab.conn.execute(
        """INSERT INTO idempotency_keys (operation, scope, key, fingerprint, response, created_at)
        SELECT 'start_payment', 'order', number::text, '', '{}', now() - interval '3 days'
        FROM generate_series(0, 1000) AS number"""
    )
    lab.refuse("idempotency_keys", "OLD.key = '0'", when="DELETE")
    return Poison(
        "purge_personal_data", "keys", ("KeysPurged", "KeysNotPurged"), "start_payment order 0", 1000, lab.mend
    )


POISONS = [
    expire_orders,
    end_the_waiting,
    let_offers_lapse,
    make_offers,
    finish_cancellations,
    ask_providers,
    send_refunds,
    relay_outbox,
    purge_keys,
]


@pytest.fixture
def lab(api: Client, database: Database, conn: db.Connection, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    for service in (waitlist, refunds):
        monkeypatch.setattr(service, "_BATCH", BATCH)
    return Laboratory(database, conn)


def run(conn: psycopg.Connection, job: str) -> dict[str, Any]:
    """Let the job run once, with all that it has leased before due again."""
    provider_servers.make_all_due(conn)
    conn.execute("UPDATE outbox SET relay_at = now() WHERE relay_at < now() + interval '2 minutes' AND due_at <= now()")
    two_minutes = SimpleNamespace(**{**vars(context()), "get_remaining_time_in_millis": lambda: 120_000})
    event = provider_servers.due_at("sandbox") if job == "send_refunds" else {}
    return dict(function(job).handler(event, two_minutes))


def measured(output: str) -> dict[str, float]:
    """The metrics of one run."""
    (line,) = [json.loads(line) for line in output.splitlines() if "_aws" in line]
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: sum(line[name]) for name in names}


@pytest.mark.parametrize("make", POISONS, ids=lambda make: make.__name__)
def test_all_others_are_done_in_one_run(
    lab: Laboratory,
    make: Callable[[Laboratory], Poison],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    poison = make(lab)
    done, failed = poison.metrics

    first = run(lab.conn, poison.job)

    assert (first[poison.step], first["units_failed"]) == (poison.others, 1)
    metrics = measured(capsys.readouterr().out)
    assert (metrics[done], metrics[failed], metrics["UnitsFailed"]) == (poison.others, 1, 1)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert (record.step, record.unit_id) == (poison.step, str(poison.unit))  # type: ignore[attr-defined]

    again = run(lab.conn, poison.job)
    assert (again[poison.step], again["units_failed"]) == (0, 1)

    poison.mend()
    mended = run(lab.conn, poison.job)
    assert (mended[poison.step], mended["units_failed"]) == (1, 0)


def test_a_message_that_cannot_be_claimed_keeps_no_other_of_its_batch(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = [owe(lab.conn) for _ in range(10)]
    lab.refuse("outbox", f"NEW.id = '{fresh[0]}' AND NEW.status = 'sending'")

    answer = function("send_email").handler(batch(*fresh), context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert [outbox_row(lab.conn, message)["status"] for message in fresh] == ["pending", *["sent"] * 9]
    metrics = measured(capsys.readouterr().out)
    assert (metrics["EmailsSent"], metrics["EmailsNotSent"], metrics["UnitsFailed"]) == (9, 1, 1)
    invariants.check(lab.conn)
