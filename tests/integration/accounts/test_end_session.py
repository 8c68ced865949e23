"""DELETE /v1/sessions/{session_id}"""

from uuid import uuid4

from psycopg import Connection

from tests.helpers import audit, factories
from tests.helpers.people import Person, can_refresh, log_in, sign_up
from tests.helpers.support import Client


def id_of(api: Client, person: Person) -> str:
    """Return the id of a person's session."""
    sessions = api.get("/v1/sessions", headers=person.headers).json["items"]
    return str(next(session["id"] for session in sessions if session["current"]))


def test_that_session_ends_and_no_other(api: Client, conn: Connection) -> None:
    laptop = sign_up(api)
    phone = log_in(api, laptop)
    session = id_of(api, phone)

    answer = api.delete(f"/v1/sessions/{session}", headers=laptop.headers)

    assert (answer.status, answer.body) == (204, b"")
    assert api.get("/v1/me", headers=phone.headers).status == 401
    assert not can_refresh(api, phone)
    assert can_refresh(api, laptop)
    entry = audit.only_entry(conn)
    assert (entry.action, entry.subject, entry.actor) == ("end_session", f"account {laptop.id}", laptop.id)
    assert entry.details == {"session": session}


def test_one_may_end_the_session_that_one_is_in(api: Client) -> None:
    person = sign_up(api)

    assert api.delete(f"/v1/sessions/{id_of(api, person)}", headers=person.headers).status == 204
    assert api.get("/v1/me", headers=person.headers).status == 401


def test_a_session_that_is_not_open_is_not_found(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    ended = id_of(api, log_in(api, person))
    api.delete(f"/v1/sessions/{ended}", headers=person.headers)

    for session in (ended, uuid4(), factories.account(conn)):
        answer = api.delete(f"/v1/sessions/{session}", headers=person.headers)
        assert (answer.status, answer.code) == (404, "not_found")
    assert api.delete("/v1/sessions/mine", headers=person.headers).status == 422


def test_nobody_else_may_end_it(api: Client, conn: Connection) -> None:
    person = sign_up(api)
    session = id_of(api, person)

    assert api.delete(f"/v1/sessions/{session}", account=factories.account(conn)).status == 404
    assert api.delete(f"/v1/sessions/{session}").status == 401
    assert can_refresh(api, person)
