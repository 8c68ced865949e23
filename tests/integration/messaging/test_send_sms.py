"""The worker send_sms: one text message for each message of the outbox, as long as somebody needs it."""

import json

import boto3
import pytest

from boxoffice import config
from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.mailbox import (
    code_in,
    let_time_pass,
    outbox_row,
    owe,
    owe_code,
    sns_replaced,
    texts,
)
from tests.helpers.mailbox import deliver as deliver_to
from tests.helpers.support import context, function


@pytest.fixture
def sns(monkeypatch):
    with sns_replaced(monkeypatch) as stub:
        yield stub


def deliver(*messages):
    return deliver_to(*messages, worker="send_sms")


def test_a_message_is_sent_and_marked_with_the_id_that_sns_gave_it(conn, aws_url):
    phone = factories.phone()
    message = owe_code(conn, phone)
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"], row["last_error"]) == ("sent", 1, None)
    assert row["aws_message_id"]
    assert row["sent_at"]
    (text,) = texts(phone)
    assert code_in(text)


def test_sns_is_told_how_to_send_it(conn, sns, monkeypatch):
    deliver(owe_code(conn))
    (plain,) = sns.taken
    assert plain.attributes == {"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.MaxPrice": "0.30"}
    monkeypatch.setenv("SMS_SENDER_ID", "Harbour")
    monkeypatch.setenv("SMS_ORIGINATION_NUMBER", "+12065550100")
    config.settings.cache_clear()
    deliver(owe_code(conn))
    assert sns.taken[1].attributes == plain.attributes | {
        "AWS.SNS.SMS.SenderID": "Harbour",
        "AWS.MM.SMS.OriginationNumber": "+12065550100",
    }


def test_a_repeated_record_sends_nothing(conn, sns):
    message = owe_code(conn)
    assert deliver(message, message) == []
    assert deliver(message) == []
    assert len(sns.taken) == 1


def test_a_message_whose_transaction_was_rolled_back_is_dropped(conn):
    assert deliver(new_id()) == []


def test_each_worker_leaves_the_messages_of_the_other_alone(conn, sns):
    sms, email = owe_code(conn), owe(conn)
    assert deliver(email) == deliver_to(sms) == []
    assert [outbox_row(conn, each)["attempts"] for each in (sms, email)] == [0, 0]


def test_a_message_that_another_worker_is_sending_is_left_to_it(conn, sns):
    message = owe_code(conn, status="sending", attempts=1)
    conn.execute("UPDATE outbox SET due_at = now() + interval '1 minute'")
    assert deliver(message) == []
    assert sns.taken == []


OVER = "the code is over"
ENDED = "the code is used, or a newer one has ended it"


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ("UPDATE phone_codes SET expires_at = now()", OVER),
        ("UPDATE phone_codes SET used_at = now(), tries = 1", ENDED),
        ("DELETE FROM phone_codes", ENDED),
        ("UPDATE phone_codes SET key_id = 7", ENDED),
    ],
)
def test_a_code_that_is_over_is_not_sent(conn, sns, over, reason, capsys):
    message = owe_code(conn)
    conn.execute(over)
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["last_error"]) == ("dropped", reason)
    assert deliver(message) == [], "nor later"
    assert sns.taken == []
    assert f'"SmsLate":[{float(reason == OVER)}]' in capsys.readouterr().out, "people wait for a late one alone"


def test_of_two_codes_for_a_phone_the_newer_is_sent(conn, sns):
    old, new = owe_code(conn), owe_code(conn)
    assert deliver(old, new) == []
    assert [outbox_row(conn, each)["status"] for each in (old, new)] == ["dropped", "sent"]
    assert len(sns.taken) == 1


def test_a_refused_message_is_tried_again_while_its_code_lives(conn, sns):
    message = owe_code(conn)
    sns.orders = ["refuse"]
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("pending", 1)
    assert row["due_in"] == pytest.approx(60, abs=10)
    assert "InternalError" in row["last_error"]
    let_time_pass(conn, message)
    deliver(message)
    assert outbox_row(conn, message)["status"] == "sent"


def test_a_throttled_attempt_does_not_count(conn, sns):
    message = owe_code(conn)
    sns.orders = ["throttle"] * 6
    for _ in range(6):
        assert deliver(message) == []
        row = outbox_row(conn, message)
        assert (row["status"], row["attempts"]) == ("pending", 0)
        assert row["relay_in"] == pytest.approx(60, abs=10)
        let_time_pass(conn, message)
    deliver(message)
    assert outbox_row(conn, message)["status"] == "sent"


def test_a_number_that_has_opted_out_fails_at_once_and_quietly(conn, sns, caplog, capsys):
    message = owe_code(conn)
    sns.orders = ["opt_out"]
    assert deliver(message) == [], "nobody can mend that, so it is no dead letter"
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("failed", 1)
    assert row["last_error"].startswith("Undeliverable: An error occurred (OptedOut)")
    shown = row["last_error"] + caplog.text + capsys.readouterr().out
    assert "2025550123" not in shown, "no log has the number"
    assert deliver(message) == [message], "a record of a failed message belongs to the dead letters"


def test_an_sns_that_does_not_answer_delays_no_other_message(conn, sns):
    lost, other = owe_code(conn, factories.phone()), owe_code(conn, factories.phone())
    sns.orders = ["hang"]
    assert deliver(lost, other) == []
    assert outbox_row(conn, lost)["last_error"].startswith("ReadTimeoutError")
    assert outbox_row(conn, other)["status"] == "sent"


def test_a_message_that_cannot_be_written_is_tried_again_and_says_why(conn, sns):
    message = owe_code(conn, template="unheard_of")
    assert deliver(message) == []
    assert outbox_row(conn, message)["last_error"] == "UnknownTemplate: unheard_of"


@pytest.mark.parametrize("poison", ["hello", "{}", '{"outbox_id": "7"}'])
def test_a_record_that_names_no_message_fails_alone(conn, sns, poison):
    before, after = owe_code(conn, factories.phone()), owe_code(conn, factories.phone())
    assert deliver(before, poison, after) == [poison]
    assert {outbox_row(conn, message)["status"] for message in (before, after)} == {"sent"}


def test_each_kind_is_relayed_to_its_own_queue(conn, email_queue, monkeypatch):
    sqs = boto3.client("sqs")
    sms_queue = sqs.create_queue(QueueName=f"sms-{new_id()}")["QueueUrl"]
    monkeypatch.setenv("SMS_QUEUE_URL", sms_queue)
    config.settings.cache_clear()
    sms, email = owe_code(conn), owe(conn)
    conn.execute("UPDATE outbox SET relay_at = now()")
    assert function("relay_outbox").handler({}, context())["relayed"] == 2
    for queue, message in {sms_queue: sms, email_queue: email}.items():
        (record,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        assert json.loads(record["Body"]) == {"outbox_id": str(message)}
    assert function("relay_outbox").handler({}, context())["waiting"] == 2
    sqs.delete_queue(QueueUrl=sms_queue)
