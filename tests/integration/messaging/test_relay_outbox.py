"""The job relay_outbox: it puts messages on the queue whose nudge was lost, and again if the queue lost them."""

import json
from uuid import UUID

import boto3
import pytest

from boxoffice import config, outbox, queues
from tests.helpers.mailbox import outbox_row, owe, sqs_stub
from tests.helpers.support import context, free_port, function


def relay(**event):
    return function("relay_outbox").handler(event, context("relay_outbox"))


def on_queue(queue):
    """Take the messages from the queue, and return them."""
    sqs, found = boto3.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [UUID(json.loads(message["Body"])["outbox_id"]) for message in messages]
    return found


def owe_due(conn, count=1, **overrides):
    return [owe(conn, UUID(int=0), **overrides, relay_at="now") for _ in range(count)]


def test_a_due_message_is_put_on_the_queue_once(conn, email_queue):
    due = owe_due(conn, 3)
    assert relay()["relayed"] == 3
    assert relay()["relayed"] == 0
    assert sorted(on_queue(email_queue)) == sorted(due)


def test_a_backlog_is_relayed_batch_by_batch(conn, email_queue):
    due = owe_due(conn, 250)
    assert relay()["relayed"] == 250
    assert sorted(on_queue(email_queue)) == sorted(due)


def test_a_fresh_message_is_left_to_its_nudge(conn):
    owe(conn)
    assert relay()["relayed"] == 0


@pytest.mark.parametrize("status", ["sent", "failed"])
def test_messages_that_are_sent_or_failed_are_left_alone(conn, status):
    owe_due(conn, status=status)
    assert relay()["relayed"] == 0


def test_a_message_whose_worker_died_is_put_on_the_queue_again(conn, email_queue):
    due = owe_due(conn, status="sending", due_at="now")
    relay()
    assert on_queue(email_queue) == due


def test_an_unsent_message_is_repeated_after_as_long_as_it_has_waited(conn):
    (young,) = owe_due(conn)
    (older,) = owe_due(conn)
    (oldest,) = owe_due(conn)
    conn.execute("UPDATE outbox SET created_at = now() - interval '20 minutes' WHERE id = %s", [older])
    conn.execute("UPDATE outbox SET created_at = now() - interval '2 days' WHERE id = %s", [oldest])
    relay()
    waits = [outbox_row(conn, message)["relay_in"] / 60 for message in (young, older, oldest)]
    assert waits == pytest.approx([5, 20, 60], abs=0.5)


def test_a_queue_that_cannot_be_reached_loses_nothing(conn, email_queue, monkeypatch):
    (due,) = owe_due(conn)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://127.0.0.1:{free_port()}")
    queues._sqs.cache_clear()
    with pytest.raises(Exception, match="Could not connect"):
        relay()
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS")
    queues._sqs.cache_clear()
    assert outbox_row(conn, due)["relay_in"] == pytest.approx(120, abs=10)
    conn.execute("UPDATE outbox SET relay_at = now()")
    relay()
    assert on_queue(email_queue) == [due]


def test_a_queue_that_refuses_loses_nothing(conn, monkeypatch):
    (due,) = owe_due(conn)
    monkeypatch.setenv("EMAIL_QUEUE_URL", f"{config.settings().email_queue_url}-absent")
    config.settings.cache_clear()
    with pytest.raises(Exception, match="does not exist"):
        relay()
    assert outbox_row(conn, due)["status"] == "pending"


def test_a_message_that_the_queue_refuses_delays_no_other(conn, email_queue, monkeypatch, capsys):
    refused, *others = owe_due(conn, 25)
    with sqs_stub(refuses=refused) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", url)
        queues._sqs.cache_clear()
        assert relay()["relayed"] == 24
        assert relay()["relayed"] == 0, "it has a lease"
        assert '"MessagesNotRelayed":[1.0]' in capsys.readouterr().out
    monkeypatch.delenv("AWS_ENDPOINT_URL_SQS")
    queues._sqs.cache_clear()
    assert all(outbox_row(conn, message)["relay_in"] > 200 for message in others)
    conn.execute("UPDATE outbox SET relay_at = now() WHERE id = %s", [refused])
    assert relay()["relayed"] == 1
    assert on_queue(email_queue) == [refused]


def test_it_measures_how_much_is_owed_and_for_how_long(conn, capsys):
    owe(conn)
    owe_due(conn, status="sending")
    owe_due(conn, status="failed")
    owe_due(conn, status="sent")
    conn.execute("UPDATE outbox SET created_at = now() - interval '1 hour' WHERE status = 'sending'")
    report = relay()
    assert report["oldest_seconds"] == pytest.approx(3600, abs=10)
    assert report == {
        "relayed": 1,
        "webhook_turns": 0,
        "stranded_webhooks": 0,
        "exports": 0,
        "units_failed": 0,
        "waiting": 2,
        "oldest_seconds": report["oldest_seconds"],
        "failed": 1,
    }
    metrics = next(line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "_aws" in line)
    assert (metrics["OutboxWaiting"], metrics["OutboxFailed"]) == ([2.0], [1.0])
    assert metrics["OutboxOldestAge"] == [report["oldest_seconds"]]


def test_it_can_be_invoked_by_hand_with_any_event(conn):
    owe_due(conn)
    assert relay(reason="by hand")["relayed"] == 1


def test_it_stops_before_its_time_is_over(conn):
    owe_due(conn)
    hasty = context("relay_outbox")
    hasty.get_remaining_time_in_millis = lambda: 4_000
    assert function("relay_outbox").handler({}, hasty)["waiting"] == 1


def test_of_many_messages_a_nudge_leaves_most_to_the_job(conn, email_queue, monkeypatch):
    """Whoever nudges waits for the queue, a call for ten messages."""
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()
    monkeypatch.setattr(outbox, "_MOST_NUDGES", 20)
    owed = owe_due(conn, 50)
    outbox.nudge(conn, owed)
    assert sorted(on_queue(email_queue)) == sorted(owed[:20])
    assert relay()["relayed"] == 50
