"""What handlers and jobs log says nothing of people. The fixture `no_people_in_logs` checks that for each test."""

import logging

import pytest
from psycopg import Connection

from tests.helpers import conformance
from tests.helpers.log_watch import LogWatch, people_in
from tests.helpers.mailbox import deliver, let_time_pass, owe, ses_replaced
from tests.helpers.people import sign_up_request
from tests.helpers.support import Client, Database


def test_the_watch_sees_what_our_loggers_and_those_of_libraries_say(log_watch: LogWatch) -> None:
    logging.getLogger("boxoffice.db").info("to %s", "the database")
    logging.getLogger("botocore").warning("retried")

    ours, other = log_watch.take()
    assert '"message":"to the database"' in ours
    assert other == "retried"


@pytest.mark.parametrize(
    "line", ["for Ada Buyer", "ada1@example.com", "call +2348012345678", "from 203.0.113.7", "from 2001:db8::1"]
)
def test_the_watch_finds_people(line: str) -> None:
    assert people_in([line])
    assert not people_in(["order 0198c0de-1111-7222-8333-444455556666 at 2026-01-31T19:00:00+00:00, 10.0.0.1"])


def test_an_unexpected_error_is_logged_without_the_row_that_caused_it(
    api: Client, database: Database, log_watch: LogWatch
) -> None:
    import psycopg

    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE accounts ADD CONSTRAINT no_adas CHECK (name NOT LIKE 'Ada%')")

    with conformance.internal_errors_expected():
        assert api.post("/v1/accounts", sign_up_request(name="Ada Lovelace")).status == 500

    (line,) = log_watch.take()
    assert "no_adas" in line
    assert not people_in([line])


def test_an_email_that_ses_refuses_is_logged_without_its_address(
    api: Client, conn: Connection, monkeypatch: pytest.MonkeyPatch, log_watch: LogWatch
) -> None:
    message = owe(conn, recipient="ada.lovelace@example.com")
    let_time_pass(conn, message)
    with ses_replaced(monkeypatch) as ses:
        ses.orders = ["refuse"]
        assert deliver(message) == []

    lines = log_watch.take()
    assert [line for line in lines if "MessageRejected" in line]
    assert not people_in(lines)
