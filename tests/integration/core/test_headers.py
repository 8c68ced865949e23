"""What answers say to browsers and caches. `conformance.check_headers` looks at each answer that a test gets."""

from psycopg import Connection

from tests.helpers import conformance, factories
from tests.helpers.operations import ENTITLED, build, call_of, operations, perform
from tests.helpers.people import sign_up
from tests.helpers.support import Client


def test_what_belongs_to_somebody_is_stored_nowhere(api: Client) -> None:
    person = sign_up(api)

    shown, refused = api.get("/v1/me", headers=person.headers), api.get("/v1/me")

    assert (shown.status, refused.status) == (200, 401)
    assert [answer.headers["cache-control"] for answer in (shown, refused)] == ["no-store", "no-store"]


def test_only_what_everybody_may_see_is_kept_by_caches(conn: Connection, api: Client) -> None:
    world, kept = build(conn), set()
    for name, operation in operations().items():
        if operation.method != "GET":
            continue
        call = call_of(name, world)
        caller_of = next(iter(ENTITLED[operation.who].values()))
        answer = perform(api, operation, call, caller_of(world, call))
        assert answer.status < 400 or name == "start_google_login"  # since nobody plays Google here
        if answer.headers["cache-control"] != "no-store":
            kept.add(name)

    # Each is public. What it says to those who say who they are, `conformance.check_headers` compares.
    of_the_catalogue = {"list_events", "get_event", "find_event", "get_event_facets", "get_availability", "list_seats"}
    assert kept == of_the_catalogue | {"get_organisation", "get_gallery", "get_docs", "get_openapi"}
    assert {operations()[name].who for name in kept} == {"public"}


def test_what_everybody_sees_is_asked_for_again_by_its_tag(api: Client, conn: Connection) -> None:
    path = f"/v1/events/{factories.event(conn)}"

    first = api.get(path)
    again = api.get(path, headers={"If-None-Match": first.headers["etag"]})
    of_somebody = api.get(path, headers=sign_up(api).headers)

    assert (first.status, again.status, of_somebody.status) == (200, 304, 200)
    kept = ["public, max-age=5, stale-while-revalidate=30"] * 2
    assert [answer.headers["cache-control"] for answer in (first, again)] == kept
    assert of_somebody.headers["cache-control"] == "no-store"


def test_an_event_is_sent_again_while_its_tickets_sell(api: Client, conn: Connection) -> None:
    event = factories.event(conn)
    ticket_type = factories.ticket_type(conn, event_id=event, quantity=3)
    path = f"/v1/events/{event}"
    before = api.get(path)
    assert before.json["ticket_types"][0]["available"] == 3

    factories.order(conn, ticket_type, quantity=2)
    after = api.get(path, headers={"If-None-Match": before.headers["etag"]})

    assert (after.status, after.json["ticket_types"][0]["available"]) == (200, 1)
    assert after.version == before.version  # nobody has edited the event
    assert api.get(path, headers={"If-None-Match": after.headers["etag"]}).status == 304


def test_members_have_another_tag_than_strangers(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    manager = factories.member(conn, organisation, "manager")
    event = factories.event(conn, organisation_id=organisation)
    factories.ticket_type(conn, event_id=event, hidden=True)
    path = f"/v1/events/{event}"

    of_stranger, of_member = api.get(path), api.get(path, account=manager)
    with_tag_of_member = api.get(path, headers={"If-None-Match": of_member.headers["etag"]})

    assert [answer.headers["vary"] for answer in (of_stranger, of_member)] == ["Authorization, X-Api-Key"] * 2
    assert of_stranger.version == of_member.version
    assert of_stranger.headers["etag"] != of_member.headers["etag"]
    assert (with_tag_of_member.status, with_tag_of_member.json["ticket_types"]) == (200, [])


def test_a_write_compares_the_version_alone(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    manager = factories.member(conn, organisation, "manager")
    event = factories.event(conn, organisation_id=organisation)
    ticket_type = factories.ticket_type(conn, event_id=event)
    path = f"/v1/events/{event}"
    tag = api.get(path, account=manager).headers["etag"]
    factories.order(conn, ticket_type)  # another tag is shown from now on, but the event is the same

    first = api.patch(path, {"title": "Rock"}, account=manager, headers={"If-Match": tag})
    weakened = first.headers["etag"].replace('"', 'W/"', 1)  # as a CDN that compresses does
    second = api.patch(path, {"title": "Jazz"}, account=manager, headers={"If-Match": weakened})
    stale = api.patch(path, {"title": "Folk"}, account=manager, headers={"If-Match": tag})

    assert [answer.status for answer in (first, second, stale)] == [200, 200, 412]
    assert stale.json["version"] == second.version


def test_what_a_credential_shows_is_kept_by_nobody(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn)
    manager = factories.member(conn, organisation, "manager")
    path = f"/v1/events/{factories.event(conn, organisation_id=organisation)}/availability"

    assert api.get(path).headers["cache-control"] == "public, max-age=1, stale-while-revalidate=2"
    assert api.get(path, account=manager).headers["cache-control"] == "no-store"


def test_one_answer_leaves_no_headers_to_the_next(api: Client, conn: Connection) -> None:
    world = build(conn)
    manifest = f"/v1/events/{world.event}/scan-manifest"
    tag = api.get(manifest, account=world.scanner).headers["etag"]

    unchanged = api.get(manifest, account=world.scanner, headers={"If-None-Match": tag})
    next_answer = api.get("/v1/me", account=world.stranger)

    assert (unchanged.status, unchanged.headers["cache-control"]) == (304, "no-store")
    assert next_answer.headers["etag"] != tag
    assert "etag" not in api.get("/v1/events").headers


def test_the_pages_that_we_serve_may_run_and_load_nothing_else(api: Client) -> None:
    pages = {name for name, status, _ in conformance.declared() if status == 200 and _is_page(name)}
    assert pages == {"get_docs"}

    policy = dict(each.split(" ", 1) for each in api.get("/docs").headers["content-security-policy"].split("; "))

    assert policy["default-src"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'",) * 3


def _is_page(name: str) -> bool:
    operation = operations()[name]
    answers = conformance.document()["paths"][operation.path][operation.method.lower()]["responses"]
    return "text/html" in answers["200"].get("content", {})
