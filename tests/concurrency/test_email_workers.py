"""Several workers and jobs at the same messages: each message is relayed once and sent once."""

import json
import time
from uuid import UUID

import boto3
import pytest

from boxoffice import config
from tests.helpers import factories
from tests.helpers.mailbox import SesStub, SnsStub, batch, outbox_row, owe, owe_code, served
from tests.helpers.support import run_python

WORK = """
import json
from boxoffice import db
from tests.helpers.support import context, function
work, event = function({name!r}).handler, json.loads({event!r})
db.connect().execute("SET lock_timeout = 0")
db.connect().execute("SELECT pg_advisory_lock_shared(1)")
print(json.dumps(work(event, context())))
"""


@pytest.fixture(autouse=True)
def _configured(database, email_queue, monkeypatch):
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()


def race(conn, name, event, runners=4, **env):
    """Call a function in several processes at once, and return their answers."""
    conn.execute("SELECT pg_advisory_lock(1)")
    processes = [run_python(WORK.format(name=name, event=json.dumps(event)), **env) for _ in range(runners)]
    while conn.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() != (runners,):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.02)
    conn.execute("SELECT pg_advisory_unlock(1)")
    outputs = [process.communicate() for process in processes]
    return [json.loads(output.splitlines()[-1]) for output, _ in outputs]


def test_of_several_sms_workers_one_sends(conn):
    phones = [factories.phone() for _ in range(10)]
    messages = [owe_code(conn, phone) for phone in phones]
    with served(SnsStub()) as sns:
        answers = race(conn, "send_sms", batch(*messages), AWS_ENDPOINT_URL_SNS=sns.url)
        assert answers == [{"batchItemFailures": []}] * 4
        assert sorted(sms.phone for sms in sns.taken) == sorted(phones)
    assert {outbox_row(conn, message)["attempts"] for message in messages} == {1}


def test_of_several_workers_one_sends(conn):
    messages = [owe(conn) for _ in range(10)]
    with served(SesStub()) as ses:
        answers = race(conn, "send_email", batch(*messages), AWS_ENDPOINT_URL_SESV2=ses.url)
        assert answers == [{"batchItemFailures": []}] * 4
        assert sorted(mail["X-Outbox-Id"] for mail in ses.taken) == sorted(map(str, messages))
    assert {(row["status"], row["attempts"]) for row in (outbox_row(conn, message) for message in messages)} == {
        ("sent", 1)
    }


def test_of_several_jobs_one_relays(conn, email_queue):
    messages = [owe(conn, UUID(int=0), relay_at="now") for _ in range(300)]
    answers = race(conn, "relay_outbox", {})
    assert sum(answer["relayed"] for answer in answers) == 300
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=email_queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert int(attributes["Attributes"]["ApproximateNumberOfMessages"]) == len(messages)
