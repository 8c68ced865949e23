"""The worker send_email: one email for each message, and more attempts until it is sent or has failed."""

import pytest

from boxoffice.emails import NotNeeded
from boxoffice.ids import new_id
from boxoffice.messaging import emails
from tests.helpers.mailbox import batch, deliver, inbox, let_time_pass, outbox_row, owe, ses_replaced
from tests.helpers.support import context, function


@pytest.fixture
def failing_ses(monkeypatch):
    with ses_replaced(monkeypatch) as stub:
        yield stub


def test_a_message_is_sent_and_marked_with_the_id_that_ses_gave_it(conn, aws_url):
    message = owe(conn)
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"], row["last_error"]) == ("sent", 1, None)
    assert row["aws_message_id"]
    assert row["sent_at"]
    (mail,) = inbox(aws_url, row["recipient"])
    assert mail["X-Outbox-Id"] == str(message)
    assert mail["Message-ID"] == f"<{message}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_repeated_record_sends_nothing(conn, aws_url):
    message = owe(conn)
    assert deliver(message, message) == []
    assert deliver(message) == []
    assert len(inbox(aws_url, outbox_row(conn, message)["recipient"])) == 1


def test_a_message_whose_transaction_was_rolled_back_is_dropped(conn):
    assert deliver(new_id()) == []


def test_a_message_that_another_worker_is_sending_is_left_to_it(conn, aws_url):
    message = owe(conn, status="sending", attempts=1)
    conn.execute("UPDATE outbox SET due_at = now() + interval '1 minute'")
    assert deliver(message) == []
    assert outbox_row(conn, message)["attempts"] == 1


def test_a_message_whose_worker_died_is_sent_by_the_next(conn, aws_url):
    message = owe(conn, status="sending", attempts=1)
    let_time_pass(conn, message)
    assert deliver(message) == []
    assert outbox_row(conn, message)["status"] == "sent"


def test_a_message_that_killed_every_worker_has_failed(conn):
    message = owe(conn, status="sending", attempts=5)
    let_time_pass(conn, message)
    assert deliver(message) == [message]
    row = outbox_row(conn, message)
    assert (row["status"], row["last_error"]) == ("failed", "no attempt came to an end")


def test_a_refused_message_waits_longer_each_time_and_fails_at_the_fifth(conn, failing_ses):
    message = owe(conn)
    failing_ses.orders = ["refuse"] * 5
    for attempts, minutes in enumerate((1, 5, 25, 125), start=1):
        assert deliver(message) == []
        row = outbox_row(conn, message)
        assert (row["status"], row["attempts"]) == ("pending", attempts)
        assert row["due_in"] == row["relay_in"] == pytest.approx(minutes * 60, abs=10)
        assert deliver(message) == [], "it is not due"
        assert outbox_row(conn, message)["attempts"] == attempts
        let_time_pass(conn, message)
    assert deliver(message) == [message]
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"]) == ("failed", 5)
    assert "Email address is not verified" in row["last_error"]
    assert failing_ses.taken == []


def test_a_failed_message_goes_to_the_dead_letters_at_each_delivery(conn):
    message = owe(conn, status="failed", attempts=5, last_error="refused")
    assert deliver(message) == [message]
    assert deliver(message) == [message]
    assert outbox_row(conn, message)["last_error"] == "refused"


def test_a_refused_message_is_sent_by_a_later_attempt(conn, failing_ses):
    message = owe(conn)
    failing_ses.orders = ["refuse"]
    deliver(message)
    let_time_pass(conn, message)
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["attempts"], row["aws_message_id"], row["last_error"]) == ("sent", 2, "receipt-1", None)


def test_a_throttled_attempt_does_not_count(conn, failing_ses):
    message = owe(conn)
    failing_ses.orders = ["throttle"] * 7
    for _ in range(7):
        assert deliver(message) == []
        row = outbox_row(conn, message)
        assert (row["status"], row["attempts"]) == ("pending", 0)
        assert row["relay_in"] == pytest.approx(60, abs=10)
        let_time_pass(conn, message)
    deliver(message)
    assert outbox_row(conn, message)["status"] == "sent"


def test_an_ses_that_does_not_answer_delays_no_other_message(conn, failing_ses):
    lost, other = owe(conn), owe(conn)
    failing_ses.orders = ["hang"]
    assert deliver(lost, other) == []
    assert outbox_row(conn, lost)["last_error"].startswith("ReadTimeoutError")
    assert outbox_row(conn, other)["status"] == "sent"


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"template": "unheard_of"}, "UnknownTemplate: unheard_of"),
        ({"payload": {"order_id": "0198a000-0000-7000-8000-000000000000"}}, "LookupError: order 0198a000"),
        ({"payload": {"order_id": "no id"}}, "InvalidTextRepresentation"),
        ({"payload": {}}, "TypeError"),
        ({"recipient": "ada@example.com\r\nBcc: eve@example.com"}, "ValueError"),
        ({"recipient": "ädä@example.com"}, "ValueError"),
    ],
    ids=str,
)
def test_a_message_that_cannot_be_written_is_tried_again_and_says_why(conn, overrides, reason):
    message = owe(conn, **overrides)
    assert deliver(message) == []
    row = outbox_row(conn, message)
    assert row["status"] == "pending"
    assert row["last_error"].startswith(reason)


@pytest.mark.parametrize("poison", ["hello", "{}", '{"outbox_id": "7"}'])
def test_a_record_that_names_no_message_fails_alone(conn, poison):
    before, after = owe(conn), owe(conn)
    assert deliver(before, poison, after) == [poison]
    assert {outbox_row(conn, message)["status"] for message in (before, after)} == {"sent"}


def test_such_records_go_back_one_by_one():
    assert deliver("a", "b") == ["a", "b"]


def test_a_record_without_time_is_left_for_later(conn):
    message = owe(conn)
    hasty = context("send_email")
    hasty.get_remaining_time_in_millis = lambda: 3_000
    answer = function("send_email").handler(batch(message), hasty)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert outbox_row(conn, message)["attempts"] == 0


def test_a_message_that_nobody_needs_any_more_is_dropped_with_its_reason(conn, aws_url, monkeypatch):
    def write(_conn, **_payload):
        raise NotNeeded("the order has no holder any more")

    monkeypatch.setitem(emails.WRITERS, "order_confirmation", write)
    message = owe(conn)
    assert deliver(message, message) == []
    row = outbox_row(conn, message)
    assert (row["status"], row["last_error"]) == ("dropped", "the order has no holder any more")
    assert (row["sent_at"], row["aws_message_id"]) == (None, None)
    assert inbox(aws_url, row["recipient"]) == []
