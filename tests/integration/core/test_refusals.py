"""A request that is refused for who sends it, or how often, is in the log: what was refused, to whom, and why."""

import json

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.log_watch import LogWatch
from tests.helpers.people import PASSWORD, sign_up
from tests.helpers.support import Client


def test_a_wrong_password_is_logged(api: Client, log_watch: LogWatch) -> None:
    person = sign_up(api)
    log_watch.take()

    assert api.post("/v1/sessions", {"email": person.email, "password": "wrong password"}).status == 401

    (line,) = map(json.loads, log_watch.take())
    assert (line["message"], line["code"], line["operation"]) == ("refused", "wrong_credentials", "log_in")
    assert line["actor_kind"] == "guest"


def test_who_may_not_do_something_is_logged_by_id(api: Client, conn: Connection, log_watch: LogWatch) -> None:
    person = sign_up(api)
    organisation = factories.organisation(conn)
    factories.member(conn, organisation, "scanner", account_id=person.id)
    log_watch.take()

    assert api.get(f"/v1/organisations/{organisation}/members", headers=person.headers).status == 403

    (line,) = map(json.loads, log_watch.take())
    assert (line["code"], line["operation"], line["actor_id"]) == ("forbidden", "list_members", str(person.id))


def test_who_tries_too_often_is_logged(api: Client, log_watch: LogWatch) -> None:
    person = sign_up(api)
    tries = [api.post("/v1/sessions", {"email": person.email, "password": PASSWORD + "!"}) for _ in range(11)]

    assert tries[-1].status == 429
    assert json.loads(log_watch.take()[-1])["code"] == "too_many_requests"


def test_what_is_found_or_invalid_is_not_logged(api: Client, log_watch: LogWatch) -> None:
    assert api.get("/v1/events").status == 200
    assert api.get("/v1/events", query={"limit": "x"}).status == 422

    assert log_watch.take() == []
