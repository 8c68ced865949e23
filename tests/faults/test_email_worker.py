"""The email worker is killed at every step between the outbox and SES, and no message is lost."""

import signal
from uuid import UUID

import boto3
import psycopg
import pytest

from boxoffice import config
from tests.helpers import factories
from tests.helpers.mailbox import batch, deliver, let_time_pass, outbox_row, owe, ses_replaced
from tests.helpers.racing import kill, start, wait_for, waiting_for_a_lock
from tests.helpers.support import context, function, run_python

OWE = """
import os, signal, sys
from boxoffice import db, outbox

def die(conn, items):
    os.kill(os.getpid(), signal.SIGKILL)

with db.transaction() as conn:
    conn.after_commit(die, None)  # before the message is nudged
    outbox.owe_email(conn, "order_confirmation", "ada@example.com", {"order_id": sys.argv[1]})
"""


@pytest.fixture(autouse=True)
def _configured(database, email_queue, monkeypatch):
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()


@pytest.fixture
def ses(monkeypatch):
    with ses_replaced(monkeypatch) as stub:
        yield stub


def assert_sent_by_the_next(conn, message):
    """Assert that the message is left alone while the dead worker's lease lasts, and that the next worker sends it."""
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("sending", 1)
    assert deliver(message) == []
    assert outbox_row(conn, message)["attempts"] == 1
    let_time_pass(conn, message)
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("sent", 2)


def test_killed_before_ses_took_the_message(conn, ses):
    message = owe(conn)
    ses.orders = ["hang"]
    worker = start("send_email", batch(message))
    ses.asked.get(timeout=20)
    kill(worker)
    assert_sent_by_the_next(conn, message)
    assert len(ses.taken) == 1


def test_killed_after_ses_took_the_message_before_it_answered(conn, ses):
    message = owe(conn)
    ses.orders = ["lose"]
    worker = start("send_email", batch(message))
    ses.asked.get(timeout=20)
    kill(worker)
    assert_sent_by_the_next(conn, message)
    first, second = ses.taken
    assert first["Message-ID"] == second["Message-ID"], "the copy is known for what it is"


def test_killed_before_the_message_was_marked(conn, ses, database):
    message = owe(conn)
    with psycopg.connect(database.api_url) as other:
        ses.orders = ["hang"]
        worker = start("send_email", batch(message))
        ses.asked.get(timeout=20)
        other.execute("SELECT FROM outbox WHERE id = %s FOR UPDATE", [message])
        ses.released.set()
        wait_for(lambda: waiting_for_a_lock(conn))
        kill(worker)
        # The server has the statement already and would still run it, so the connection is ended too.
        conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    assert_sent_by_the_next(conn, message)


def test_killed_in_the_middle_of_a_batch(conn, ses):
    first, second, third = (owe(conn) for _ in range(3))
    ses.orders = ["take", "hang"]
    worker = start("send_email", batch(first, second, third))
    ses.asked.get(timeout=20)
    ses.asked.get(timeout=20)
    kill(worker)
    assert [outbox_row(conn, message)["status"] for message in (first, second, third)] == ["sent", "sending", "pending"]
    let_time_pass(conn, second)
    assert deliver(first, second, third) == [], "the queue brings all of the batch again"
    assert {outbox_row(conn, message)["status"] for message in (first, second, third)} == {"sent"}
    assert len(ses.taken) == 3


def test_the_job_repeats_the_message_of_a_killed_worker(conn, ses, email_queue):
    message = owe(conn)
    ses.orders = ["hang"]
    worker = start("send_email", batch(message))
    ses.asked.get(timeout=20)
    kill(worker)
    let_time_pass(conn, message)
    assert function("relay_outbox").handler({}, context())["relayed"] == 1
    (relayed,) = boto3.client("sqs").receive_message(QueueUrl=email_queue)["Messages"]
    assert deliver(relayed["Body"]) == []
    assert outbox_row(conn, message)["status"] == "sent"


def test_the_job_relays_a_message_whose_sender_was_killed_before_the_nudge(conn, ses, email_queue):
    order = factories.order(conn, factories.ticket_type(conn))
    process = run_python(f"import sys; sys.argv[1:] = ['{order}']\n{OWE}")
    assert process.wait(timeout=20) == -signal.SIGKILL
    process.communicate()
    ((message,),) = conn.execute("SELECT id FROM outbox").fetchall()
    assert outbox_row(conn, message)["status"] == "pending"
    assert function("relay_outbox").handler({}, context())["relayed"] == 0, "a fresh message is left to its nudge"
    let_time_pass(conn, message)
    assert function("relay_outbox").handler({}, context())["relayed"] == 1
    (relayed,) = boto3.client("sqs").receive_message(QueueUrl=email_queue)["Messages"]
    assert deliver(relayed["Body"]) == []
    assert outbox_row(conn, message)["status"] == "sent"


def test_a_job_killed_before_the_queue_took_its_batch(conn, ses, monkeypatch, email_queue):
    message = owe(conn, UUID(int=0), relay_at="now")
    ses.orders = ["hang"]
    with monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL_SQS", ses.url)
        job = start("relay_outbox", {})
        ses.asked.get(timeout=20)
        kill(job)
    assert outbox_row(conn, message)["relay_in"] == pytest.approx(120, abs=30)
    let_time_pass(conn, message)
    assert function("relay_outbox").handler({}, context())["relayed"] == 1
    assert boto3.client("sqs").receive_message(QueueUrl=email_queue)["Messages"]
