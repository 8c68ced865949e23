"""Galleries: who sees them, who edits them, and the order of their images."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from boxoffice import rate_limit
from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.support import Answer, Client


@pytest.fixture
def gallery(conn: psycopg.Connection, organisation: UUID) -> UUID:
    return factories.gallery(conn, organisation)


def add(api: Client, gallery: UUID, upload: UUID, manager: UUID, **fields: str) -> Answer:
    return api.post(f"/v1/galleries/{gallery}/images", {"upload_id": str(upload), **fields}, account=manager)


def three_images(api: Client, conn: psycopg.Connection, organisation: UUID, gallery: UUID, manager: UUID) -> list[Any]:
    """Add three images. Return them as shown."""
    for number in range(3):
        answer = add(api, gallery, factories.upload(conn, organisation), manager, caption=f"No. {number}")
    return list(answer.json["images"])


def create(api: Client, organisation: UUID, manager: UUID, **fields: object) -> Answer:
    return api.post("/v1/galleries", {"organisation_id": str(organisation), "title": "A", **fields}, account=manager)


def test_a_gallery_begins_unpublished_and_empty(api: Client, organisation: UUID, manager: UUID, event: UUID) -> None:
    created = create(api, organisation, manager, description="ක්‍රීඩා 🎉", event_id=str(event))

    shown = created.json
    assert (created.status, shown["is_published"], shown["images"], shown["cover"]) == (201, False, [], None)
    assert (shown["description"], shown["event_id"], shown["image_count"]) == ("ක්‍රීඩා 🎉", str(event), 0)
    path = f"/v1/galleries/{shown['id']}"
    assert api.get(path).status == 404
    assert api.get(path, account=manager).json == shown
    assert api.get("/v1/galleries").json["items"] == []

    api.patch(path, {"is_published": True}, account=manager)

    assert api.get(path).json["title"] == "A"
    assert [each["id"] for each in api.get("/v1/galleries").json["items"]] == [shown["id"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "\u200b"),
        ("title", "x" * 201),
        ("title", None),
        ("description", "x" * 10_001),
        ("is_published", "yes"),
        ("event_id", "x"),
        ("version", 1),
    ],
)
def test_bad_input_is_refused(api: Client, organisation: UUID, manager: UUID, field: str, value: object) -> None:
    answer = create(api, organisation, manager, **{field: value})

    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.json["errors"][0]["loc"] == ["body", field]


def test_a_hundred_an_hour_are_enough(
    api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of all galleries passes over each that is not shown to everybody."""
    assert create(api, organisation, manager).headers["ratelimit-remaining"] == "99"
    monkeypatch.setitem(rate_limit.MADE, "galleries", 1)

    refused = create(api, organisation, manager)

    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert conn.execute("SELECT count(*) FROM galleries").fetchone() == (1,)


def test_only_events_of_the_organisation_are_linked(
    api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID, event: UUID
) -> None:
    gone = factories.event(conn, organisation_id=organisation)
    api.delete(f"/v1/events/{gone}", account=manager)

    for other in (factories.event(conn), gone, new_id()):
        assert create(api, organisation, manager, event_id=str(other)).status == 404
        assert api.patch(f"/v1/galleries/{gallery}", {"event_id": str(other)}, account=manager).status == 404
    assert api.patch(f"/v1/galleries/{gallery}", {"event_id": str(event)}, account=manager).status == 200


class TestSeen:
    def test_a_list_is_newest_first_and_has_filters(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, event: UUID
    ) -> None:
        ids = [str(factories.gallery(conn, organisation, event_id=event if n % 2 else None)) for n in range(4)]
        draft = str(factories.gallery(conn, organisation, is_published=False, event_id=event))
        elsewhere = str(factories.gallery(conn, factories.organisation(conn)))

        def listed(query: dict[str, str], account: UUID | None = None) -> list[str]:
            found, cursor = [], None
            while True:
                page = api.get("/v1/galleries", account=account, query=query | ({"cursor": cursor} if cursor else {}))
                found += [each["id"] for each in page.json["items"]]
                cursor = page.json["next_cursor"]
                if cursor is None:
                    return found

        of_organisation = {"organisation_id": str(organisation), "limit": "2"}
        assert listed({"limit": "2"}) == [elsewhere, *reversed(ids)]
        assert listed(of_organisation) == [*reversed(ids)]
        assert listed(of_organisation, manager) == [draft, *reversed(ids)]
        assert listed({"event_id": str(event)}) == [ids[3], ids[1]]
        assert listed(of_organisation | {"event_id": str(event)}, manager) == [draft, ids[3], ids[1]]
        assert listed({"event_id": str(event)}, manager) == [ids[3], ids[1]], "members name their organisation"

    def test_a_suspended_seller_shows_none(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'why'")

        assert api.get(f"/v1/galleries/{gallery}").status == 404
        assert api.get(f"/v1/galleries/{gallery}", account=manager).status == 200
        assert api.get("/v1/galleries").json["items"] == []

    def test_a_list_shows_the_first_image_and_how_many_there_are(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        images = three_images(api, conn, organisation, gallery, manager)

        (listed,) = api.get("/v1/galleries").json["items"]

        assert (listed["image_count"], listed["cover"]) == (3, images[0]["picture"])
        assert api.get(f"/v1/galleries/{gallery}").json["cover"] == images[0]["picture"]


class TestImages:
    def test_they_stand_in_the_order_in_which_they_came(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        uploads = [factories.upload(conn, organisation) for _ in range(2)]

        answers = [add(api, gallery, each, manager, caption="Ada", alt="A woman") for each in uploads]

        assert [answer.status for answer in answers] == [201, 201]
        images = api.get(f"/v1/galleries/{gallery}").json["images"]
        assert [image["picture"]["id"] for image in images] == [str(each) for each in uploads]
        assert [(image["caption"], image["picture"]["alt"]) for image in images] == [("Ada", "A woman")] * 2
        assert [answer.version for answer in answers] == [2, 3]

    def test_a_picture_is_there_once(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        upload = factories.upload(conn, organisation)
        add(api, gallery, upload, manager)

        answer = add(api, gallery, upload, manager)

        assert (answer.status, answer.code) == (409, "image_there_already")

    def test_there_are_a_hundred_at_the_most(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        for position in range(1, 101):
            factories.gallery_image(conn, gallery, factories.upload(conn, organisation), position=position)
        upload = factories.upload(conn, organisation)

        answer = add(api, gallery, upload, manager)

        assert (answer.status, answer.code, answer.json["most"]) == (409, "gallery_full", 100)
        assert conn.execute("SELECT due_at IS NULL FROM uploads WHERE id = %s", [upload]).fetchone() == (False,)

    def test_pictures_of_others_are_not_there(
        self, api: Client, conn: psycopg.Connection, manager: UUID, gallery: UUID
    ) -> None:
        theirs = factories.upload(conn, factories.organisation(conn))

        assert add(api, gallery, theirs, manager).status == 404
        assert add(api, gallery, new_id(), manager).status == 404

    def test_the_order_and_the_captions_change_together(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        first, second, third = three_images(api, conn, organisation, gallery, manager)
        order = [{"id": third["id"], "caption": "New"}, {"id": first["id"], "alt": "A stage"}, {"id": second["id"]}]

        answer = api.patch(f"/v1/galleries/{gallery}", {"images": order}, account=manager)

        shown = [(image["id"], image["caption"], image["picture"]["alt"]) for image in answer.json["images"]]
        assert shown == [(third["id"], "New", ""), (first["id"], "No. 0", "A stage"), (second["id"], "No. 1", "")]
        assert answer.json["cover"]["id"] == third["picture"]["id"]

    def test_an_order_that_does_not_name_each_once_changes_nothing(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        images = three_images(api, conn, organisation, gallery, manager)
        ids = [{"id": image["id"]} for image in images]

        for order in (ids[:2], [*ids[:2], ids[0]], [*ids, {"id": str(new_id())}], []):
            answer = api.patch(f"/v1/galleries/{gallery}", {"images": order, "title": "B"}, account=manager)
            assert (answer.status, answer.code) == (422, "images_incomplete")
        assert api.get(f"/v1/galleries/{gallery}").json["images"] == images

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_those_behind_a_removed_one_move_up(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID, number: int
    ) -> None:
        images = three_images(api, conn, organisation, gallery, manager)
        path = f"/v1/galleries/{gallery}/images/{images[number]['id']}"

        assert api.delete(path, account=manager).status == 204

        left = api.get(f"/v1/galleries/{gallery}").json["images"]
        assert left == images[:number] + images[number + 1 :]
        positions = conn.execute("SELECT position FROM gallery_images ORDER BY position").fetchall()
        assert positions == [(1,), (2,)]
        assert api.delete(path, account=manager).status == 404


class TestEdits:
    def test_an_edit_of_an_old_version_is_refused(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        path = f"/v1/galleries/{gallery}"
        etag = api.get(path).headers["etag"]
        add(api, gallery, factories.upload(conn, organisation), manager)

        stale = api.patch(path, {"title": "B"}, account=manager, headers={"If-Match": etag})
        fresh = api.get(path).headers["etag"]

        assert (stale.status, stale.code) == (412, "stale_version")
        assert api.patch(path, {"title": "B"}, account=manager, headers={"If-Match": fresh}).json["title"] == "B"

    def test_what_is_left_out_stays(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, event: UUID
    ) -> None:
        gallery = factories.gallery(conn, organisation, event_id=event, description="Old")

        answer = api.patch(f"/v1/galleries/{gallery}", {"title": "New"}, account=manager).json

        assert (answer["title"], answer["description"], answer["event_id"]) == ("New", "Old", str(event))
        assert answer["is_published"] is True
        assert api.patch(f"/v1/galleries/{gallery}", {"event_id": None}, account=manager).json["event_id"] is None

    def test_a_deleted_gallery_is_gone_and_its_pictures_wait_to_be_removed(
        self, api: Client, conn: psycopg.Connection, organisation: UUID, manager: UUID, gallery: UUID
    ) -> None:
        three_images(api, conn, organisation, gallery, manager)

        assert api.delete(f"/v1/galleries/{gallery}", account=manager).status == 204

        assert api.get(f"/v1/galleries/{gallery}", account=manager).status == 404
        assert api.delete(f"/v1/galleries/{gallery}", account=manager).status == 404
        rows = conn.execute("SELECT due_at - now() > interval '23 hours' FROM uploads").fetchall()
        assert rows == [(True,)] * 3
