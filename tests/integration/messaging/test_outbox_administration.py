"""Admins see what is owed, try again what failed, and lift what suppresses an address."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.helpers import factories
from tests.helpers.audit import only_entry
from tests.helpers.mailbox import deliver, outbox_row, owe
from tests.helpers.ses_events import bounce
from tests.helpers.support import Answer, Client

OUTBOX = "/v1/admin/outbox"
SUPPRESSED = "/v1/admin/suppressed-addresses"


@pytest.fixture
def admin(conn: psycopg.Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def listed(api: Client, admin: UUID, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(OUTBOX, account=admin, query=query)
    assert answer.status == 200, answer.json
    return list(answer.json["items"])


def test_an_admin_lists_messages_by_what_they_are(api: Client, conn: psycopg.Connection, admin: UUID) -> None:
    failed = factories.failed_message(conn, recipient="ada@example.com")
    text = factories.failed_message(conn, kind="sms", template="phone_code", recipient="+12025550123", status="sent")
    waiting = factories.failed_message(conn, template="invitation", status="pending", recipient="bola@example.com")

    def found(**query: Any) -> list[UUID]:
        return [UUID(each["id"]) for each in listed(api, admin, **query)]

    assert found() == [waiting, text, failed]
    assert found(status="failed") == [failed]
    assert found(kind="sms") == [text]
    assert found(template="invitation") == [waiting]
    assert found(recipient="Ada@example.com") == found(recipient="ada@example.com", status="failed") == [failed]
    assert found(recipient="+12025550123") == [text]
    assert found(kind="sms", status="failed") == []
    shown = {each["recipient"] for each in listed(api, admin)}
    assert shown == {"a…@example.com", "b…@example.com", "…123"}
    assert api.get(OUTBOX, account=admin, query={"status": "lost"}).status == 422


def test_pages_have_each_message_once_though_many_are_of_one_moment(
    api: Client, conn: psycopg.Connection, admin: UUID
) -> None:
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    made = [factories.failed_message(conn, created_at=moment + timedelta(seconds=number // 3)) for number in range(7)]
    pages: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        answer = api.get(OUTBOX, account=admin, query=query).json
        pages += [each["id"] for each in answer["items"]]
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    assert sorted(pages) == sorted(map(str, made))


def test_the_error_of_a_message_shows_no_address(api: Client, conn: psycopg.Connection, admin: UUID) -> None:
    factories.failed_message(conn, recipient="ada@example.com", last_error="ClientError: <ada@example.com> is none")
    (shown,) = listed(api, admin)
    assert shown["last_error"] == "ClientError: <a…@example.com> is none"
    assert shown["due_at"] is None


def test_a_failed_message_is_tried_again_and_sent(
    api: Client, conn: psycopg.Connection, aws_url: str, admin: UUID
) -> None:
    message = owe(conn, status="failed", attempts=5, last_error="MessageRejected")

    answer = api.post(f"{OUTBOX}/{message}/retry", None, account=admin)

    assert (answer.status, answer.json["status"], answer.json["attempts"]) == (200, "pending", 0)
    entry = only_entry(conn)
    assert (entry.action, entry.subject) == ("retry_outbox_message", f"message {message}")
    assert deliver(message) == []
    assert outbox_row(conn, message)["status"] == "sent"


@pytest.mark.parametrize(
    "columns", [{"status": status} for status in ("pending", "sending", "sent", "dropped")] + [{"recipient": ""}]
)
def test_other_messages_are_not_tried_again(
    api: Client, conn: psycopg.Connection, admin: UUID, columns: dict[str, str]
) -> None:
    message = factories.failed_message(conn, **columns)

    answer = api.post(f"{OUTBOX}/{message}/retry", None, account=admin)

    assert (answer.status, answer.json["code"]) == (409, "message_not_failed")
    assert answer.json["message_status"] == columns.get("status", "failed")


def test_a_message_that_does_not_exist(api: Client, admin: UUID) -> None:
    assert api.post(f"{OUTBOX}/{UUID(int=1)}/retry", None, account=admin).status == 404
    assert api.request("DELETE", f"{SUPPRESSED}/{UUID(int=1)}", account=admin).status == 404


def lift(api: Client, conn: psycopg.Connection, admin: UUID) -> Answer:
    """Lift the one suppression that there is."""
    (shown,) = api.get(SUPPRESSED, account=admin).json["items"]
    return api.request("DELETE", f"{SUPPRESSED}/{shown['id']}", account=admin)


def test_a_lifted_address_is_written_to_until_it_comes_back_again(
    api: Client, conn: psycopg.Connection, aws_url: str, admin: UUID
) -> None:
    message = owe(conn)
    address = outbox_row(conn, message)["recipient"]
    told_before = bounce(address, at="2026-01-01T00:00:00Z")
    deliver(told_before, worker="receive_email_feedback")
    deliver(message)
    assert outbox_row(conn, message)["feedback"] == "suppressed"
    assert api.get(SUPPRESSED, account=admin, query={"address": "else@example.com"}).json["items"] == []

    assert lift(api, conn, admin).status == 204

    assert api.get(SUPPRESSED, account=admin, query={"address": address}).json["items"] == []
    assert only_entry(conn).action == "lift_suppression"
    deliver(told_before, worker="receive_email_feedback")  # the queue repeats it
    again = owe(conn, recipient=address)
    deliver(again)
    assert outbox_row(conn, again)["status"] == "sent"
    deliver(bounce(address, at="2100-01-01T00:00:00Z"), worker="receive_email_feedback")
    assert [each["address"] for each in api.get(SUPPRESSED, account=admin).json["items"]] == [address]


def test_suppressed_addresses_come_in_pages(api: Client, conn: psycopg.Connection, admin: UUID) -> None:
    made = {str(factories.suppression(conn)) for _ in range(3)}
    first = api.get(SUPPRESSED, account=admin, query={"limit": 2}).json
    second = api.get(SUPPRESSED, account=admin, query={"limit": 2, "cursor": first["next_cursor"]}).json
    assert {each["id"] for each in first["items"] + second["items"]} == made
    assert second["next_cursor"] is None
