"""POST /v1/personal-data-requests, …/export and …/erase: what guests can ask for."""

import re

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.erasures import EMAIL, NAME, let_an_hour_pass, run_job, traces
from tests.helpers.mailbox import deliver, inbox
from tests.helpers.support import Client

PATH = "/v1/personal-data-requests"


def ask(api: Client, conn: Connection, aws_url: str, email: str = EMAIL) -> str:
    """Ask for a link, and return the token in the email."""
    answer = api.post(PATH, {"email": email})
    assert answer.status == 202, answer.body
    (message,) = conn.execute(
        "SELECT id FROM outbox WHERE template = 'personal_data' AND status = 'pending'"
    ).fetchone() or (None,)
    assert deliver(message) == []
    mail = inbox(aws_url, email)[-1]
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"/personal-data#token=(\S+)", body.get_content())
    assert found is not None
    return found[1]


def test_a_guest_sees_what_guests_with_the_address_did(api: Client, conn: Connection, aws_url: str) -> None:
    ticket_type = factories.ticket_type(conn)
    order = factories.paid_order(conn, ticket_type, buyer_name=NAME, buyer_email=EMAIL)
    factories.paid_order(conn, ticket_type, buyer_email=EMAIL, account_id=factories.account(conn))
    factories.paid_order(conn, ticket_type)
    token = ask(api, conn, aws_url)

    for _ in range(2):  # the link works again
        answer = api.post(f"{PATH}/export", {"token": token})
        assert answer.status == 200, answer.body
        assert [each["id"] for each in answer.json["orders"]] == [str(order)]
        assert len(answer.json["tickets"]) == 2
        assert answer.json["account"] == []


def test_a_guest_is_erased(api: Client, conn: Connection, aws_url: str) -> None:
    factories.order(conn, factories.ticket_type(conn), status="expired", buyer_name=NAME, buyer_email=EMAIL)
    token = ask(api, conn, aws_url)

    answer = api.post(f"{PATH}/erase", {"token": token})
    assert answer.status == 202, answer.body
    again = api.post(f"{PATH}/erase", {"token": token})
    assert (again.status, again.code) == (409, "link_over")

    conn.execute("UPDATE outbox SET status = 'sent'")
    run_job()
    let_an_hour_pass(conn)
    run_job()
    conn.execute("UPDATE rate_limits SET resets_at = now()")
    run_job()
    assert traces(conn) == set()


def test_tickets_for_events_to_come_must_be_given_up_on_purpose(api: Client, conn: Connection, aws_url: str) -> None:
    factories.paid_order(conn, factories.ticket_type(conn), buyer_email=EMAIL)
    token = ask(api, conn, aws_url)

    answer = api.post(f"{PATH}/erase", {"token": token})
    assert (answer.status, answer.code, answer.json["tickets"]) == (409, "tickets_ahead", 2)
    assert api.post(f"{PATH}/erase", {"token": token, "force": True}).status == 202


@pytest.mark.parametrize("token", ["x", "AZgfbHsAehGMPl0vQKGwFQ.1.Zk4nYt8qRb1wLx6vHc3mPd9sJf2gUe7A"])
@pytest.mark.parametrize("what", ["export", "erase"])
def test_a_token_that_is_none_of_ours_opens_nothing(api: Client, what: str, token: str) -> None:
    answer = api.post(f"{PATH}/{what}", {"token": token})

    assert (answer.status, answer.code) == (409, "link_over")


def test_a_link_is_over_after_a_day(api: Client, conn: Connection, aws_url: str) -> None:
    token = ask(api, conn, aws_url)
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")

    for what in ("export", "erase"):
        assert api.post(f"{PATH}/{what}", {"token": token}).code == "link_over"


def test_nobody_floods_a_mailbox(api: Client, conn: Connection) -> None:
    """Five emails an hour of each kind. So whoever is refused has got such a link."""
    for path in (PATH, "/v1/order-links"):
        assert [api.post(path, {"email": EMAIL}).status for _ in range(6)] == [202] * 5 + [429]

    assert conn.execute("SELECT count(*) FROM outbox").fetchone() == (10,)


def test_exports_by_link_are_limited(api: Client, conn: Connection, aws_url: str) -> None:
    token = ask(api, conn, aws_url)

    assert [api.post(f"{PATH}/export", {"token": token}).status for _ in range(6)] == [200] * 5 + [429]
