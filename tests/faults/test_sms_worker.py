"""The SMS worker is killed at every step between the outbox and SNS, and no code is lost while it lives."""

import psycopg
import pytest

from boxoffice import config
from tests.helpers.mailbox import batch, deliver, let_time_pass, outbox_row, owe_code, sns_replaced
from tests.helpers.racing import kill, start, wait_for, waiting_for_a_lock
from tests.helpers.support import context, function


@pytest.fixture(autouse=True)
def _configured(database, email_queue, monkeypatch):
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()


@pytest.fixture
def sns(monkeypatch):
    with sns_replaced(monkeypatch) as stub:
        yield stub


def assert_sent_by_the_next(conn, message):
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("sending", 1)
    assert deliver(message, worker="send_sms") == []
    assert outbox_row(conn, message)["attempts"] == 1, "the dead worker's lease lasts"
    let_time_pass(conn, message)
    assert function("relay_outbox").handler({}, context())["relayed"] == 1
    assert deliver(message, worker="send_sms") == []
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("sent", 2)


@pytest.mark.parametrize(("order", "arrived"), [("hang", 1), ("lose", 2)])
def test_killed_while_sns_had_the_message(conn, sns, order, arrived):
    """If SNS took it without an answer, it arrives twice, with the same code."""
    message = owe_code(conn)
    sns.orders = [order]
    worker = start("send_sms", batch(message))
    sns.asked.get(timeout=20)
    kill(worker)
    assert_sent_by_the_next(conn, message)
    assert len(sns.taken) == arrived
    assert len({sms.text for sms in sns.taken}) == 1


def test_killed_before_the_message_was_marked(conn, sns, database):
    message = owe_code(conn)
    with psycopg.connect(database.api_url) as other:
        sns.orders = ["hang"]
        worker = start("send_sms", batch(message))
        sns.asked.get(timeout=20)
        other.execute("SELECT FROM outbox WHERE id = %s FOR UPDATE", [message])
        sns.released.set()
        wait_for(lambda: waiting_for_a_lock(conn))
        kill(worker)
        conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    assert_sent_by_the_next(conn, message)


def test_a_code_that_ends_while_its_worker_is_dead_is_not_sent_again(conn, sns):
    message = owe_code(conn)
    sns.orders = ["hang"]
    worker = start("send_sms", batch(message))
    sns.asked.get(timeout=20)
    kill(worker)
    conn.execute("UPDATE phone_codes SET expires_at = now()")
    let_time_pass(conn, message)
    assert deliver(message, worker="send_sms") == []
    assert outbox_row(conn, message)["status"] == "dropped"
