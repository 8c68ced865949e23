"""What answers say to browsers and caches. `conformance.check_headers` looks at each answer that a test gets."""

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.people import sign_up
from tests.helpers.support import Client


def test_what_belongs_to_somebody_is_stored_nowhere(api: Client) -> None:
    person = sign_up(api)

    shown, refused = api.get("/v1/me", headers=person.headers), api.get("/v1/me")

    assert (shown.status, refused.status) == (200, 401)
    assert [answer.headers["cache-control"] for answer in (shown, refused)] == ["no-store", "no-store"]


def test_what_everybody_sees_is_asked_for_again_by_its_tag(api: Client, conn: Connection) -> None:
    path = f"/v1/events/{factories.event(conn)}"

    first = api.get(path)
    again = api.get(path, headers={"If-None-Match": first.headers["etag"]})
    of_somebody = api.get(path, headers=sign_up(api).headers)

    assert (first.status, again.status, of_somebody.status) == (200, 304, 200)
    assert [answer.headers["cache-control"] for answer in (first, again)] == ["no-cache", "no-cache"]
    assert of_somebody.headers["cache-control"] == "no-store"


def test_a_parameter_that_is_sent_twice_is_refused(api: Client) -> None:
    assert api.get("/v1/events", query={"limit": "1,2"}).status == 422  # as API Gateway passes on ?limit=1&limit=2
