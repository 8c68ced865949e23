"""DELETE /v1/sessions/current"""

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.people import can_refresh, log_in, sign_up
from tests.helpers.support import Client


def test_it_ends_this_session_and_no_other(api: Client) -> None:
    phone = sign_up(api)
    laptop = log_in(api, phone)

    answer = api.delete("/v1/sessions/current", headers=phone.headers)

    assert (answer.status, answer.body) == (204, b"")
    assert not can_refresh(api, phone)
    assert can_refresh(api, laptop)


def test_it_ends_what_the_session_was_refreshed_to(api: Client) -> None:
    person = sign_up(api)
    answer = api.post("/v1/sessions/refresh", {"refresh_token": person.refresh_token})

    api.delete("/v1/sessions/current", headers=person.headers)

    assert api.post("/v1/sessions/refresh", {"refresh_token": answer.json["refresh_token"]}).status == 401


def test_twice_is_as_good_as_once(api: Client) -> None:
    person = sign_up(api)

    answers = [api.delete("/v1/sessions/current", headers=person.headers) for _ in range(2)]

    assert [answer.status for answer in answers] == [204, 204]


def test_without_a_session_to_end_it_changes_nothing(api: Client, conn: Connection) -> None:
    assert api.delete("/v1/sessions/current", account=factories.account(conn)).status == 204


def test_it_takes_an_account(api: Client) -> None:
    assert api.delete("/v1/sessions/current").status == 401
