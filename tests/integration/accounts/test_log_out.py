"""DELETE /v1/sessions/current"""

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.people import can_refresh, log_in, sign_up
from tests.helpers.support import Client


def test_this_session_ends_and_no_other(api: Client) -> None:
    phone = sign_up(api)
    laptop = log_in(api, phone)

    answer = api.delete("/v1/sessions/current", headers=phone.headers)

    assert (answer.status, answer.body) == (204, b"")
    assert not can_refresh(api, phone)
    assert can_refresh(api, laptop)


def test_the_refreshed_tokens_of_the_session_end_too(api: Client) -> None:
    person = sign_up(api)
    answer = api.post("/v1/sessions/refresh", {"refresh_token": person.refresh_token})

    api.delete("/v1/sessions/current", headers=person.headers)

    assert api.post("/v1/sessions/refresh", {"refresh_token": answer.json["refresh_token"]}).status == 401


def test_the_access_token_ends_with_its_session(api: Client) -> None:
    person = sign_up(api)

    answers = [api.delete("/v1/sessions/current", headers=person.headers) for _ in range(2)]

    assert [answer.status for answer in answers] == [204, 401]


def test_without_a_session_to_end_it_changes_nothing(api: Client, conn: Connection) -> None:
    assert api.delete("/v1/sessions/current", account=factories.account(conn)).status == 204


def test_only_accounts_can_log_out(api: Client) -> None:
    assert api.delete("/v1/sessions/current").status == 401
