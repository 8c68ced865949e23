"""DELETE /v1/sessions"""

from psycopg import Connection

from tests.helpers.audit import Entry, only_entry
from tests.helpers.people import can_refresh, log_in, sign_up
from tests.helpers.support import Client


def test_every_session_of_the_account_ends_and_no_other(api: Client, conn: Connection) -> None:
    phone, somebody_else = sign_up(api), sign_up(api)
    laptop = log_in(api, phone)

    answer = api.delete("/v1/sessions", headers=laptop.headers)

    assert (answer.status, answer.body) == (204, b"")
    assert not can_refresh(api, phone)
    assert not can_refresh(api, laptop)
    assert can_refresh(api, somebody_else)
    subject, facts = f"account {phone.id}", {"sessions_revoked": 2}
    assert only_entry(conn) == Entry(phone.id, phone.id, "log_out_everywhere", subject, facts, "203.0.113.7")


def test_one_can_log_in_again(api: Client) -> None:
    person = sign_up(api)
    api.delete("/v1/sessions", headers=person.headers)

    assert can_refresh(api, log_in(api, person))


def test_only_accounts_can_log_out(api: Client) -> None:
    assert api.delete("/v1/sessions").status == 401
