"""The slugs of events, and GET /v1/organisations/{organisation_slug}/events/{event_slug}"""

import re
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.operations import event_request
from tests.helpers.support import Answer, Client


@pytest.fixture
def organisation(conn: Connection) -> UUID:
    return factories.organisation(conn, slug="freedom-park")


def draft(api: Client, organisation: UUID, manager: UUID, **fields: Any) -> Answer:
    return api.post("/v1/events", {**event_request(organisation), **fields}, account=manager)


def rename(api: Client, manager: UUID, event: str, slug: str) -> Answer:
    return api.patch(f"/v1/events/{event}", {"slug": slug}, account=manager)


def find(api: Client, slug: str, account: UUID | None = None) -> Answer:
    return api.get(f"/v1/organisations/freedom-park/events/{slug}", account=account)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Jazz by the sea", "jazz-by-the-sea"),
        ("Bläserkonzert für Größe", "blaserkonzert-fur-grosse"),
        ("نوروز", "nwrwz"),
        ("කොළඹ", "kolmb"),
        ("🎪🎉", "circus-tent-tada"),
        ("\N{OGHAM SPACE MARK}!?¿", "event-[2-9b-z]{6}"),
        ("Ärger " * 30, "arger(-arger){8}"),
        ("Z", "z-[2-9b-z]{6}"),
    ],
)
def test_a_title_in_any_script_gives_a_slug(
    api: Client, organisation: UUID, manager: UUID, title: str, slug: str
) -> None:
    created = draft(api, organisation, manager, title=title.strip())

    assert re.fullmatch(slug, created.json["slug"])
    assert find(api, created.json["slug"], manager).json["id"] == created.json["id"]


def test_the_second_event_of_a_title_gets_another_slug(
    api: Client, conn: Connection, organisation: UUID, manager: UUID
) -> None:
    slugs = [draft(api, organisation, manager).json["slug"] for _ in range(3)]

    assert slugs[0] == "jazz-by-the-sea"
    assert all(re.fullmatch("jazz-by-the-sea-[2-9b-z]{6}", slug) for slug in slugs[1:])
    assert len(set(slugs)) == 3
    owner = factories.account(conn)
    elsewhere = factories.organisation(conn, owner=owner)
    assert draft(api, elsewhere, owner).json["slug"] == "jazz-by-the-sea"


def test_a_slug_may_be_set_unless_another_event_has_or_had_it(api: Client, organisation: UUID, manager: UUID) -> None:
    first = draft(api, organisation, manager, slug="jazz").json
    second = draft(api, organisation, manager, slug="blues").json
    assert (first["slug"], second["slug"]) == ("jazz", "blues")

    assert rename(api, manager, first["id"], "jazz-night").json["slug"] == "jazz-night"

    for taken in ("jazz", "jazz-night"):
        for refused in (draft(api, organisation, manager, slug=taken), rename(api, manager, second["id"], taken)):
            assert (refused.status, refused.code) == (409, "event_slug_taken")
    assert rename(api, manager, first["id"], "jazz").json["slug"] == "jazz", "it may take its own back"


def test_a_deleted_event_keeps_its_slug(api: Client, organisation: UUID, manager: UUID) -> None:
    gone = draft(api, organisation, manager, slug="jazz").json
    api.delete(f"/v1/events/{gone['id']}", account=manager)

    assert draft(api, organisation, manager, slug="jazz").code == "event_slug_taken"
    assert find(api, "jazz", manager).status == 404


@pytest.mark.parametrize("slug", ["", "ab", "x" * 61, "Jazz", "jazz_night", "-jazz", "jazz-", "ja--zz", "größe", 7])
def test_other_slugs_are_refused(api: Client, organisation: UUID, manager: UUID, draft: UUID, slug: Any) -> None:
    for answer in (
        api.post("/v1/events", {**event_request(organisation), "slug": slug}, account=manager),
        api.patch(f"/v1/events/{draft}", {"slug": slug}, account=manager),
    ):
        assert (answer.status, answer.code) == (422, "invalid")
        assert answer.json["errors"][0]["loc"] == ["body", "slug"]


def test_an_event_cannot_lose_its_slug(api: Client, manager: UUID, draft: UUID) -> None:
    assert api.patch(f"/v1/events/{draft}", {"slug": None}, account=manager).status == 422


def test_it_is_found_by_its_slug_as_by_its_id(api: Client, conn: Connection, organisation: UUID) -> None:
    event = factories.event(conn, organisation_id=organisation, slug="jazz")
    factories.ticket_type(conn, event_id=event)

    answer, by_id = find(api, "jazz"), api.get(f"/v1/events/{event}")

    assert (answer.status, answer.json) == (200, by_id.json)
    assert answer.headers["etag"] == by_id.headers["etag"]
    assert answer.headers["cache-control"] == "public, max-age=5, stale-while-revalidate=30"
    again = api.get("/v1/organisations/freedom-park/events/jazz", headers={"if-none-match": answer.headers["etag"]})
    assert again.status == 304


def test_a_former_slug_leads_to_the_present_one(
    api: Client, conn: Connection, organisation: UUID, manager: UUID
) -> None:
    event = str(factories.event(conn, organisation_id=organisation, slug="jazz"))
    for slug in ("jazz-night", "jazz-day"):
        rename(api, manager, event, slug)

    for former in ("jazz", "jazz-night"):
        answer = find(api, former)
        assert (answer.status, answer.body) == (308, b"")
        assert answer.headers["location"] == "/v1/organisations/freedom-park/events/jazz-day"
        assert answer.headers["cache-control"] == "no-cache", "a slug can become the present one again"
        assert api.get(answer.headers["location"]).json["id"] == event
    assert find(api, "jazz", manager).headers["cache-control"] == "no-store"
    rename(api, manager, event, "jazz")
    assert (find(api, "jazz").status, find(api, "jazz-day").status) == (200, 308)


def test_only_members_find_a_draft_by_its_present_or_former_slug(
    api: Client, conn: Connection, organisation: UUID, manager: UUID
) -> None:
    event = factories.event(conn, organisation_id=organisation, slug="jazz", status="draft")
    rename(api, manager, str(event), "jazz-night")
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)

    assert (find(api, "jazz-night", manager).status, find(api, "jazz", manager).status) == (200, 308)
    for slug in ("jazz", "jazz-night"):
        assert find(api, slug).status == 404
        assert find(api, slug, rival).status == 404


def test_slugs_of_nothing_are_not_found(api: Client, conn: Connection) -> None:
    other = factories.organisation(conn, slug="elsewhere")
    factories.event(conn, organisation_id=other, slug="jazz")
    factories.organisation(conn, slug="freedom-park")

    assert find(api, "jazz").status == 404
    assert api.get("/v1/organisations/elsewhere/events/blues").status == 404
    assert api.get(f"/v1/organisations/{new_id()}/events/jazz").status == 404
    assert api.get("/v1/organisations/elsewhere/events/%00").status == 422
    assert api.get("/v1/organisations/elsewhere/events/Jazz").status == 422


def test_the_audit_log_has_the_change(api: Client, conn: Connection, manager: UUID, event: UUID) -> None:
    (before,) = conn.execute("SELECT slug FROM events").fetchone() or ("",)
    rename(api, manager, str(event), "jazz-night")

    (details,) = conn.execute("SELECT details FROM audit_log").fetchone() or ({},)
    assert (details["before"], details["after"]) == ({"slug": before}, {"slug": "jazz-night"})
