"""A worker whose lease has lapsed, and who writes all the same after another has taken over, changes nothing.

Each worker here is slow, not dead: worker A takes the work, its lease lapses, worker B takes it, and A writes late.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from boxoffice import db
from boxoffice.messaging import service as messaging
from boxoffice.messaging.errors import MessageFailed, Throttled
from boxoffice.messaging.models import Message
from boxoffice.payments import reconciliation, sending
from boxoffice.payments.errors import ProviderUnavailable
from boxoffice.payments.models import RefundState
from tests.helpers import factories, invariants, provider_servers
from tests.helpers.mailbox import let_time_pass, outbox_row, owe
from tests.helpers.payers import started, tell
from tests.helpers.support import Client

type Write = Callable[[db.Connection, Message], None]


def sent(conn: db.Connection, message: Message) -> None:
    messaging.mark_sent(conn, message, f"ses-{message.attempts}")


def failed(conn: db.Connection, message: Message) -> None:
    messaging.mark_failed(conn, message, ConnectionError("SES does not answer"))


def throttled(conn: db.Connection, message: Message) -> None:
    messaging.mark_failed(conn, message, Throttled())


def given_up(conn: db.Connection, message: Message) -> None:
    with pytest.raises(MessageFailed):
        messaging.give_up(conn, message, "no attempt came to an end")


def unfinished(conn: db.Connection, message: Message) -> None:
    """B is still at work."""


def take(conn: db.Connection, message_id: UUID) -> Message:
    message = messaging.take_message(conn, message_id, "email")
    assert message is not None
    return message


def row(conn: db.Connection, table: str, row_id: UUID | str) -> dict[str, Any]:
    """Return a row of a table."""
    query = f"SELECT * FROM {table} WHERE id = %s".encode()
    (found,) = conn.cursor(row_factory=dict_row).execute(query, [row_id]).fetchall()
    return dict(found)


def test_an_email_that_another_worker_has_taken_stays_as_that_one_left_it(
    api: Client, conn: db.Connection, subtests: pytest.Subtests
) -> None:
    for then, late in product([unfinished, sent, failed, throttled, given_up], [failed, throttled, given_up]):
        with subtests.test(then=then.__name__, late=late.__name__):
            message_id = owe(conn)
            a = take(conn, message_id)
            let_time_pass(conn, message_id)
            then(conn, take(conn, message_id))
            before = row(conn, "outbox", message_id)

            late(conn, a)

            assert row(conn, "outbox", message_id) == before


def test_an_email_that_a_late_worker_has_sent_is_sent(api: Client, conn: db.Connection) -> None:
    """SES has taken it. Whatever B does, there must be no third attempt."""
    message_id = owe(conn)
    a = take(conn, message_id)
    let_time_pass(conn, message_id)
    b = take(conn, message_id)

    sent(conn, a)
    failed(conn, b)

    assert outbox_row(conn, message_id)["status"] == "sent"
    let_time_pass(conn, message_id)
    assert messaging.take_message(conn, message_id, "email") is None


def test_a_message_that_a_worker_has_taken_is_not_put_off_by_a_late_job(
    api: Client, conn: db.Connection, subtests: pytest.Subtests
) -> None:
    for worker in (unfinished, sent, failed, throttled):
        with subtests.test(worker=worker.__name__):
            message_id = owe(conn, relay_at="now")
            a = messaging.enqueue_due(conn)
            worker(conn, take(conn, message_id))
            before = row(conn, "outbox", message_id)

            messaging.mark_relayed(conn, a)

            assert row(conn, "outbox", message_id) == before


def test_a_message_that_another_job_relays_is_not_put_off_by_a_late_one(api: Client, conn: db.Connection) -> None:
    message_id = owe(conn, relay_at="now")
    a = messaging.enqueue_due(conn)
    let_time_pass(conn, message_id)
    b = messaging.enqueue_due(conn)
    assert [message.id for message in b] == [message_id]
    before = row(conn, "outbox", message_id)

    messaging.mark_relayed(conn, a)
    assert row(conn, "outbox", message_id) == before

    messaging.mark_relayed(conn, b)
    relayed = row(conn, "outbox", message_id)
    messaging.mark_relayed(conn, a)
    assert row(conn, "outbox", message_id) == relayed


ANSWERS = [
    RefundState("succeeded", "re_1"),
    RefundState("pending", "re_1"),
    RefundState("failed", reason="no"),
    ProviderUnavailable(),
]


def test_a_refund_that_another_worker_has_taken_stays_as_that_one_left_it(
    api: Client, conn: db.Connection, subtests: pytest.Subtests
) -> None:
    order = factories.paid_order(conn, factories.ticket_type(conn))
    payment = factories.payment(conn, order, status="succeeded")
    for then, late in product([None, *ANSWERS], ANSWERS):
        with subtests.test(then=str(then), late=str(late)):
            refund_id = sending.owe_refund(conn, payment, 1, "asked for")
            (a,) = sending.try_refunds(conn, ids=[refund_id])
            provider_servers.make_all_due(conn)
            (b,) = sending.try_refunds(conn, ids=[refund_id])
            if then is not None:
                with conn.transaction():
                    sending.record_outcome(conn, replace(b, answer=then))
            before = row(conn, "refunds", refund_id)

            with conn.transaction():
                sending.record_outcome(conn, replace(a, answer=late))

            assert row(conn, "refunds", refund_id) == before


def test_a_payment_that_was_paid_or_taken_meanwhile_keeps_when_it_is_asked_about(
    api: Client, conn: db.Connection, subtests: pytest.Subtests
) -> None:
    for then, late in product(["taken", "paid"], [[], ProviderUnavailable()]):
        with subtests.test(then=then, late=str(late)):
            payment = started(api, factories.order(conn, factories.ticket_type(conn)))
            conn.execute("UPDATE payments SET ask_at = now() - interval '1 second' WHERE id = %s", [payment["id"]])
            (a,) = reconciliation.ask_providers(conn, unresponsive=set())
            if then == "paid":
                assert tell(api, payment).json["effect"] == "paid"
            else:
                conn.execute("UPDATE payments SET ask_at = now() - interval '1 second' WHERE id = %s", [payment["id"]])
                assert len(reconciliation.ask_providers(conn, unresponsive=set())) == 1
            before = row(conn, "payments", payment["id"])

            with conn.transaction():
                reconciliation.apply_answer(conn, replace(a, answer=late))

            assert row(conn, "payments", payment["id"]) == before
    invariants.check(conn)
