"""What SES tells of emails is recorded, and nobody writes where an email came back or somebody has complained."""

import json
from threading import Thread
from uuid import UUID, uuid4

import psycopg
import pytest

from boxoffice.ids import new_id
from tests.helpers import ses_events
from tests.helpers.mailbox import deliver, outbox_row, owe, ses_replaced
from tests.helpers.sellers import Shop, outbox_of
from tests.helpers.ses_events import bounce, complaint
from tests.helpers.support import Client


def tell(*records: str) -> list[UUID | str]:
    """Hand records to the worker, as the queue does. Return those that it gives back."""
    return deliver(*records, worker="receive_email_feedback")


def suppressed(conn: psycopg.Connection) -> list[tuple[str, str]]:
    """Return the addresses that nobody writes to any more, each with the reason."""
    query = "SELECT address, reason FROM suppressed_addresses WHERE lifted_at IS NULL ORDER BY address"
    return conn.execute(query).fetchall()


def address() -> str:
    return f"{uuid4().hex}@example.com"


@pytest.fixture
def sent(conn: psycopg.Connection, aws_url: str) -> tuple[UUID, str]:
    """An email that SES has taken, and its recipient."""
    message = owe(conn)
    assert deliver(message) == []
    return message, outbox_row(conn, message)["recipient"]


def test_an_email_names_its_message_to_ses(
    conn: psycopg.Connection, aws_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMAIL_CONFIGURATION_SET", "boxoffice")
    with ses_replaced(monkeypatch) as ses:
        message = owe(conn)
        assert deliver(message) == []
        (call,) = ses.calls

    assert call["ConfigurationSetName"] == "boxoffice"
    assert call["EmailTags"] == [{"Name": "outbox_id", "Value": str(message)}]


def test_a_permanent_bounce_ends_an_address_and_the_next_email_to_it_is_dropped(
    conn: psycopg.Connection, sent: tuple[UUID, str]
) -> None:
    message, recipient = sent

    assert tell(bounce(recipient, message)) == []

    assert suppressed(conn) == [(recipient, "bounced")]
    row = outbox_row(conn, message)
    assert (row["status"], row["feedback"]) == ("sent", "bounced")
    assert row["last_error"] == "Permanent, General: smtp; 550 5.1.1 user unknown"
    again = owe(conn, recipient=recipient)
    assert deliver(again) == []
    row = outbox_row(conn, again)
    assert (row["status"], row["feedback"]) == ("dropped", "suppressed")
    assert row["last_error"] == "an earlier email to the address came back for good"


def test_whoever_complains_gets_no_email_but_those_of_their_account(
    conn: psycopg.Connection, sent: tuple[UUID, str]
) -> None:
    message, recipient = sent
    assert tell(complaint(recipient, message)) == []

    assert suppressed(conn) == [(recipient, "complained")]
    assert outbox_row(conn, message)["feedback"] == "complained"
    safe = owe(conn, recipient=recipient, template="password_changed", payload={})
    order = owe(conn, recipient=recipient)
    assert deliver(safe, order) == []
    assert outbox_row(conn, safe)["status"] == "sent"
    assert (outbox_row(conn, order)["status"], outbox_row(conn, order)["feedback"]) == ("dropped", "suppressed")


@pytest.mark.parametrize(
    ("kind", "subkind", "diagnostic", "feedback"),
    [
        ("Transient", "MailboxFull", "smtp; 452 4.2.2 over quota", "bounced"),
        ("Transient", "General", None, None),  # a holiday notice, as the mailbox simulator sends it
        ("Undetermined", "Undetermined", None, None),
    ],
)
def test_what_comes_back_for_now_ends_no_address(
    conn: psycopg.Connection, sent: tuple[UUID, str], kind: str, subkind: str, diagnostic: str, feedback: str | None
) -> None:
    message, recipient = sent

    assert tell(bounce(recipient, message, kind=kind, subkind=subkind, diagnostic=diagnostic)) == []

    assert (suppressed(conn), outbox_row(conn, message)["feedback"]) == ([], feedback)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_not_every_report_is_a_complaint(conn: psycopg.Connection, sent: tuple[UUID, str], kind: str) -> None:
    message, recipient = sent

    assert tell(complaint(recipient, message, kind=kind)) == []

    assert (suppressed(conn), outbox_row(conn, message)["feedback"]) == ([], None)


def test_repeats_and_another_order_change_nothing(conn: psycopg.Connection, sent: tuple[UUID, str]) -> None:
    message, recipient = sent
    events = [bounce(recipient, message), complaint(recipient, message)]

    for order in ([0, 1, 0, 1, 1], [1, 0]):
        conn.execute("UPDATE outbox SET feedback = NULL")
        conn.execute("DELETE FROM suppressed_addresses")
        assert tell(*[events[number] for number in order]) == []
        assert suppressed(conn) == [(recipient, "bounced")], "which says more of the address"
        assert outbox_row(conn, message)["feedback"] == "complained", "which says more of the email"


def test_feedback_that_overtakes_the_note_that_an_email_is_sent(conn: psycopg.Connection, aws_url: str) -> None:
    message, recipient = owe(conn), address()
    conn.execute("UPDATE outbox SET status = 'sending', attempts = 1 WHERE id = %s", [message])
    assert tell(bounce(recipient, message)) == []
    conn.execute("UPDATE outbox SET status = 'pending' WHERE id = %s", [message])

    assert deliver(message) == []

    row = outbox_row(conn, message)
    assert (row["status"], row["feedback"]) == ("sent", "bounced")
    assert "user unknown" in row["last_error"]


def test_of_what_is_told_at_once_nothing_is_lost(conn: psycopg.Connection, sent: tuple[UUID, str]) -> None:
    message, recipient = sent
    waiting = [Thread(target=_tell_apart, args=[conn.info.dsn, event]) for event in _many(recipient, message)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()

    assert suppressed(conn) == [(recipient, "bounced")]
    assert outbox_row(conn, message)["feedback"] == "complained"


def _many(recipient: str, message: UUID) -> list[str]:
    return [bounce(recipient, message), complaint(recipient, message)] * 5


def _tell_apart(dsn: str, event: str) -> None:
    from boxoffice import db
    from boxoffice.messaging import feedback

    with db.Connection.connect(dsn, autocommit=True, password="api") as own:
        feedback.receive(own, event)


def test_an_email_that_is_not_ours_ends_its_address_alone(conn: psycopg.Connection, aws_url: str) -> None:
    stranger, forgotten = address(), address()

    assert tell(bounce(stranger.upper()), bounce(forgotten, new_id())) == []

    assert suppressed(conn) == sorted([(stranger, "bounced"), (forgotten, "bounced")])


def test_one_of_several_recipients_says_nothing_of_the_others(conn: psycopg.Connection, aws_url: str) -> None:
    event = json.loads(bounce(address()))
    event["mail"] = ses_events.mail(address(), None, address())

    assert tell(json.dumps(event)) == []

    assert suppressed(conn) == []


@pytest.mark.parametrize("kind", ["Send", "Delivery", "Open", "DeliveryDelay", "SomethingNew"])
def test_other_events_are_let_pass(conn: psycopg.Connection, aws_url: str, kind: str) -> None:
    assert tell(json.dumps({"eventType": kind, "mail": ses_events.mail(address(), None)})) == []
    assert suppressed(conn) == []


@pytest.mark.parametrize(
    "record",
    [
        "",
        "Successfully validated SNS topic for Amazon SES event publishing.",
        "[]",
        "{}",
        '{"eventType": "Bounce"}',
        '{"eventType": "Complaint", "complaint": {"timestamp": "soon"}, "mail": {"destination": ["ada@example.com"]}}',
        "\x00",
        "[" * 10_000,
    ],
    ids=["empty", "greeting", "list", "nothing", "no_bounce", "no_time", "nul", "deep"],
)
def test_what_nobody_can_read_goes_to_the_dead_letters_and_holds_nobody_up(
    conn: psycopg.Connection, aws_url: str, record: str
) -> None:
    recipient = address()

    assert tell(record, bounce(recipient)) == [record]

    assert suppressed(conn) == [(recipient, "bounced")]


def test_a_nul_and_much_text_are_stored_without_harm(conn: psycopg.Connection, sent: tuple[UUID, str]) -> None:
    message, recipient = sent

    assert tell(bounce(recipient, message, diagnostic="a\0b" * 1000)) == []

    detail = outbox_row(conn, message)["last_error"]
    assert (len(detail), detail[:24]) == (500, "Permanent, General: abab")


def test_a_manager_and_the_buyer_see_it_at_the_order_until_it_has_another_address(
    api: Client, conn: psycopg.Connection
) -> None:
    shop, buyer = Shop(conn), address()
    order = shop.sold(shop.ticket_type(), buyer_email=buyer)
    assert tell(bounce(buyer)) == []

    def problem() -> set[str | None]:
        shown = [api.get(f"/v1/orders/{order}", account=shop.manager).json]
        for query in ({}, {"email": buyer}, {"event_id": str(shop.event)}):
            listed = api.get(f"/v1/organisations/{shop.organisation}/orders", account=shop.manager, query=query)
            shown += listed.json["items"]
        return {each["email_problem"] for each in shown}

    assert problem() == {"bounced"}
    resent = api.post(f"/v1/orders/{order}/resend-email", None, account=shop.manager)
    assert (resent.status, resent.code, resent.json["email_problem"]) == (409, "address_suppressed", "bounced")
    corrected = {"buyer": {"email": address()}}
    assert api.patch(f"/v1/orders/{order}", corrected, account=shop.manager).status == 200
    assert problem() == {None}
    (newest,) = [to for to, _ in outbox_of(conn, "order_confirmation") if to == corrected["buyer"]["email"]]
    assert newest


def test_whoever_has_their_data_erased_is_forgotten(conn: psycopg.Connection, aws_url: str) -> None:
    from boxoffice import db, outbox

    recipient = address()
    assert tell(bounce(recipient)) == []

    with db.transaction() as own:
        assert outbox.forget_suppression(own, recipient) == 1
    assert suppressed(conn) == []
