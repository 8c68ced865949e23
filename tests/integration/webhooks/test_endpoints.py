"""Owners make, change and delete endpoints, rotate their secrets, and see and replay what was delivered."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.ids import first_id
from boxoffice.webhooks import rules, service
from tests.helpers import factories
from tests.helpers.receivers import Receiver, make_all_due, take_turn, verdicts
from tests.helpers.support import Answer, Client


class Desk:
    """An owner at work on their organisation's webhooks."""

    def __init__(self, api: Client, organisation: UUID, owner: UUID) -> None:
        self.api, self.owner = api, owner
        self.path = f"/v1/organisations/{organisation}"

    def create(self, url: str = "https://example.com/webhooks", **body: Any) -> Answer:
        return self.api.post(f"{self.path}/webhook-endpoints", {"url": url, **body}, account=self.owner)

    def list(self, **query: str) -> Any:
        return self.api.get(f"{self.path}/webhook-endpoints", account=self.owner, query=query).json

    def change(self, endpoint: object, version: int | None = None, **body: Any) -> Answer:
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        return self.api.patch(f"{self.path}/webhook-endpoints/{endpoint}", body, account=self.owner, headers=headers)

    def delete(self, endpoint: object) -> Answer:
        return self.api.delete(f"{self.path}/webhook-endpoints/{endpoint}", account=self.owner)

    def rotate(self, endpoint: object, **body: int) -> Answer:
        return self.api.post(f"{self.path}/webhook-endpoints/{endpoint}/rotate-secret", body, account=self.owner)

    def replay_failed(self, endpoint: object, since: datetime) -> Answer:
        body = {"since": since.isoformat()}
        return self.api.post(f"{self.path}/webhook-endpoints/{endpoint}/replay", body, account=self.owner)

    def deliveries(self, **query: object) -> Any:
        return self.api.get(f"{self.path}/webhook-deliveries", account=self.owner, query=query).json

    def replay(self, delivery: object) -> Answer:
        return self.api.post(f"{self.path}/webhook-deliveries/{delivery}/replay", account=self.owner)


@pytest.fixture
def desk(api: Client, organisation: UUID, owner: UUID) -> Desk:
    return Desk(api, organisation, owner)


def test_an_endpoint_shows_its_secret_once_and_the_database_never(desk: Desk, conn: Connection) -> None:
    made = desk.create(types=["order.paid", "event.cancelled", "order.paid"], description="Nâm 🎟 قطار")

    assert made.status == 201
    view = made.json
    secret = view.pop("secret")
    assert secret.startswith("whsec_")
    assert view["types"] == ["event.cancelled", "order.paid"]
    assert desk.list() == {"items": [view], "next_cursor": None}
    rows = conn.execute("SELECT webhook_secrets::text, webhook_endpoints::text FROM webhook_secrets, webhook_endpoints")
    assert secret.removeprefix("whsec_")[:20] not in str(rows.fetchall())


def test_a_webhook_is_verified_by_the_published_library(desk: Desk, conn: Connection, shop: Receiver) -> None:
    made = desk.create(shop.url).json
    delivery = factories.webhook_delivery(conn, UUID(made["id"]), type="order.paid")

    assert take_turn(UUID(made["id"])) == {"batchItemFailures": []}

    (request,) = shop.requests
    assert request.headers["webhook-id"] == str(delivery)
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert (request.data["type"], set(request.data)) == ("order.paid", {"type", "timestamp", "data"})
    assert verdicts(made["secret"], [request]) == ["yes"]
    assert verdicts("whsec_" + "A" * 44, [request]) == ["No matching signature found"]
    request.body = request.body.replace("order.paid", "order.free")
    assert verdicts(made["secret"], [request]) == ["No matching signature found"]


def test_two_secrets_sign_while_one_takes_over(desk: Desk, conn: Connection, shop: Receiver) -> None:
    made = desk.create(shop.url).json
    endpoint = UUID(made["id"])
    rotated = desk.rotate(endpoint, keep_former_hours=24)
    assert rotated.status == 200
    ends_at = datetime.fromisoformat(rotated.json["former_secret_ends_at"])
    assert timedelta(hours=23, minutes=59) < ends_at - datetime.now(UTC) <= timedelta(hours=24)
    assert desk.list()["items"][0]["former_secret_ends_at"] == rotated.json["former_secret_ends_at"]
    first, second = made["secret"], rotated.json["secret"]

    factories.webhook_delivery(conn, endpoint)
    take_turn(endpoint)
    assert len(shop.requests[0].headers["webhook-signature"].split(" ")) == 2
    assert verdicts(first, shop.requests) == verdicts(second, shop.requests) == ["yes"]

    conn.execute("UPDATE webhook_secrets SET ends_at = now() WHERE ends_at IS NOT NULL")
    factories.webhook_delivery(conn, endpoint)
    take_turn(endpoint)
    assert verdicts(first, shop.requests[1:]) == ["No matching signature found"]
    assert verdicts(second, shop.requests[1:]) == ["yes"]


def test_a_secret_that_has_leaked_ends_at_once(desk: Desk, conn: Connection, shop: Receiver) -> None:
    made = desk.create(shop.url).json
    desk.rotate(made["id"], keep_former_hours=24)
    third = desk.rotate(made["id"], keep_former_hours=0).json
    desk.rotate(made["id"], keep_former_hours=24)
    assert conn.execute("SELECT count(*) FROM webhook_secrets").fetchall() == [(2,)], "those that ended are deleted"

    assert third["former_secret_ends_at"] is None
    factories.webhook_delivery(conn, UUID(made["id"]))
    take_turn(UUID(made["id"]))
    assert verdicts(third["secret"], shop.requests) == ["yes"]
    assert verdicts(made["secret"], shop.requests) == ["No matching signature found"]


def test_only_a_few_secrets_sign_at_once(desk: Desk) -> None:
    endpoint = desk.create().json["id"]
    for _ in range(4):
        assert desk.rotate(endpoint).status == 200
    refused = desk.rotate(endpoint)
    assert (refused.status, refused.json["code"], refused.json["most"]) == (409, "too_many_webhook_secrets", 5)
    assert desk.rotate(endpoint, keep_former_hours=0).status == 200
    assert desk.rotate(endpoint).status == 200


def test_an_organisation_has_only_so_many_endpoints(
    desk: Desk, conn: Connection, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_ENDPOINTS", 2)
    first = desk.create().json["id"]
    desk.create()
    refused = desk.create()
    assert (refused.status, refused.json["code"], refused.json["most"]) == (409, "too_many_webhook_endpoints", 2)
    desk.delete(first)
    assert desk.create().status == 201


NOWHERE = [
    ("ftp://example.com/", "must be a URL that begins with"),
    ("https://user:secret@example.com/", "must not contain credentials"),
    ("https://example.com/ a", "without spaces"),
    ("https://example.com/\r\nX-Injected: 1", "without spaces"),
    ("https://", "must be a URL"),
    ("https://" + "a" * 2000, "at most 2000"),
    ("https://10.0.0.1/", "name of a public host"),
    ("https://0x7f.1/", "name of a public host"),
    ("https://2130706433/", "name of a public host"),
    ("https://017700000001/", "name of a public host"),
    ("https://[::ffff:7f00:1]/", "name of a public host"),
    ("https://①②⑦.⓪.⓪.①/", "name of a public host"),
    ("https://localhost/", "name of a public host"),
    ("http://example.com/", "must begin with https://"),
    ("https://example.com:8080/", "no port but 443"),
    ("https://example.com/#a", "no fragment"),
]


def test_webhooks_cannot_go_anywhere(desk: Desk, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests) -> None:
    monkeypatch.setenv("STAGE", "prod")
    config.settings.cache_clear()
    for url, words in NOWHERE:
        with subtests.test(url=url):
            refused = desk.create(url)

            assert (refused.status, refused.json["code"]) == (422, "invalid")
            assert refused.json["errors"][0]["loc"] == ["body", "url"]
            assert words in refused.json["errors"][0]["msg"]


def test_only_a_laptop_may_send_to_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.create("http://127.0.0.1:8000/").status == 201
    for stage in ("dev", "staging", "prod"):
        monkeypatch.setenv("STAGE", stage)
        config.settings.cache_clear()
        assert desk.create("http://127.0.0.1:8000/").status == 422
        assert not service.allows_loopback()


def test_a_name_in_any_script_becomes_ascii(desk: Desk) -> None:
    assert desk.create("https://bücher.example/größe").json["url"] == "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"


def test_bad_input_is_refused(desk: Desk) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"types": []}, "types"),
        ({"types": ["order.lost"]}, "types"),
        ({"types": "order.paid"}, "types"),
        ({"description": "\u200b"}, "description"),
        ({"secret": "mine"}, "secret"),
    ]
    for body, loc in bad:
        refused = desk.create(**body)
        assert refused.status == 422
        assert refused.json["errors"][0]["loc"][:2] == ["body", loc]


def test_a_patch_changes_what_it_names(desk: Desk) -> None:
    made = desk.create(types=["order.paid"], description="The shop").json

    changed = desk.change(made["id"], 1, types=None)

    del made["secret"]
    assert changed.json == made | {"types": None, "version": 2}
    assert desk.change(made["id"], description=None).json["description"] is None
    assert desk.change(made["id"], url="http://example.com/").status == 422
    stale = desk.change(made["id"], 1, types=["order.paid"])
    assert (stale.status, stale.json["code"]) == (412, "stale_version")


def test_a_disabled_endpoint_is_owed_nothing(desk: Desk, conn: Connection, organisation: UUID) -> None:
    endpoint = desk.create().json["id"]
    disabled = desk.change(endpoint, enabled=False).json
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "by_owner")

    event = factories.event(conn, organisation_id=organisation, status="draft")
    factories.ticket_type(conn, event_id=event)
    desk.api.post(f"/v1/events/{event}/publish", account=desk.owner)
    assert desk.deliveries()["items"] == []

    enabled = desk.change(endpoint, enabled=True).json
    assert (enabled["enabled"], enabled["disabled_reason"], enabled["disabled_at"]) == (True, None, None)
    desk.api.post(f"/v1/events/{event}/cancel", {"reason": "Ill"}, account=desk.owner)
    assert [each["type"] for each in desk.deliveries()["items"]] == ["event.cancelled"]


def test_an_endpoint_that_is_enabled_again_starts_anew(desk: Desk, conn: Connection, endpoint: UUID) -> None:
    conn.execute(
        """UPDATE webhook_endpoints SET disabled_at = now(), disabled_reason = 'failing', failures = 40,
        failing_since = now() - interval '6 days', next_turn_at = now() + interval '1 hour'"""
    )
    assert desk.list()["items"][0]["disabled_reason"] == "failing"

    enabled = desk.change(endpoint, enabled=True).json

    assert (enabled["failing_since"], enabled["next_turn_at"]) == (None, None)
    assert conn.execute("SELECT failures, next_turn_at <= now() FROM webhook_endpoints").fetchall() == [(0, True)]


def test_a_deleted_endpoint_is_gone_with_its_secrets(
    desk: Desk, conn: Connection, endpoint: UUID, shop: Receiver
) -> None:
    delivery = factories.webhook_delivery(conn, endpoint)

    assert desk.delete(endpoint).status == 204

    assert desk.list()["items"] == []
    assert conn.execute("SELECT count(*) FROM webhook_secrets").fetchall() == [(0,)]
    for answer in (desk.delete(endpoint), desk.change(endpoint, enabled=True), desk.rotate(endpoint)):
        assert answer.status == 404
    take_turn(endpoint)
    assert shop.requests == []
    assert [each["id"] for each in desk.deliveries()["items"]] == [str(delivery)]
    assert desk.replay(delivery).json["code"] == "webhook_endpoint_disabled"


def test_deliveries_say_how_it_went(desk: Desk, conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    shop.answers = [b"HTTP/1.1 500 Oh\r\nContent-Length: 13\r\n\r\nout of memory"]
    delivery = factories.webhook_delivery(conn, endpoint)
    take_turn(endpoint)

    (failed,) = desk.deliveries()["items"]

    assert failed["id"] == str(delivery)
    assert (failed["status"], failed["attempts"], failed["response_status"]) == ("pending", 1, 500)
    assert (failed["answer"], failed["error"]) == ("out of memory", "the answer was 500")
    assert failed["duration_ms"] >= 0
    wait = datetime.fromisoformat(failed["next_attempt_at"]) - datetime.fromisoformat(failed["attempted_at"])
    assert timedelta(seconds=5) <= wait < timedelta(seconds=16)

    make_all_due(conn)
    take_turn(endpoint)
    (delivered,) = desk.deliveries(status="delivered")["items"]
    assert (delivered["attempts"], delivered["error"], delivered["next_attempt_at"]) == (2, None, None)
    assert shop.ids == [str(delivery)] * 2, "the same id"


def test_deliveries_are_paged_newest_first_by_endpoint_and_status(
    desk: Desk, conn: Connection, organisation: UUID, endpoint: UUID
) -> None:
    other = factories.webhook_endpoint(conn, organisation)
    ids = [
        str(factories.webhook_delivery(conn, owner, status=status, error="no" if status == "failed" else None))
        for owner, status in [(endpoint, "delivered"), (other, "failed"), (endpoint, "failed"), (endpoint, "pending")]
    ]
    rivals = factories.webhook_endpoint(conn, factories.organisation(conn))
    factories.webhook_delivery(conn, rivals)

    first = desk.deliveries(limit="3")
    rest = desk.deliveries(limit="3", cursor=first["next_cursor"])
    assert [each["id"] for each in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert [each["id"] for each in desk.deliveries(status="failed")["items"]] == [ids[2], ids[1]]
    assert [each["id"] for each in desk.deliveries(endpoint_id=endpoint, status="failed")["items"]] == [ids[2]]
    assert desk.deliveries(endpoint_id=rivals)["items"] == []


def test_a_replay_sends_it_again_under_the_same_id(
    desk: Desk, conn: Connection, endpoint: UUID, shop: Receiver
) -> None:
    delivery = factories.webhook_delivery(conn, endpoint)
    take_turn(endpoint)

    replayed = desk.replay(delivery)
    assert (replayed.status, replayed.json["status"]) == (200, "pending")
    take_turn(endpoint)

    assert shop.ids == [str(delivery)] * 2
    assert desk.deliveries()["items"][0]["attempts"] == 2


def test_a_replay_has_the_whole_schedule_before_it(
    desk: Desk, conn: Connection, endpoint: UUID, shop: Receiver
) -> None:
    shop.usual = b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
    delivery = factories.webhook_delivery(
        conn, endpoint, status="failed", error="the answer was 404", attempts=10, due_at=datetime.now(UTC)
    )
    desk.replay(delivery)
    for _ in range(9):
        take_turn(endpoint)
        make_all_due(conn)
    assert desk.deliveries()["items"][0]["status"] == "pending"
    take_turn(endpoint)
    (ended,) = desk.deliveries()["items"]
    assert (ended["status"], ended["attempts"], ended["error"]) == ("failed", 20, "the answer was 404")


def test_a_replay_leaves_alone_what_is_being_sent(desk: Desk, conn: Connection, endpoint: UUID) -> None:
    due_at = datetime.now(UTC) + timedelta(minutes=1)
    delivery = factories.webhook_delivery(conn, endpoint, status="sending", attempts=1, due_at=due_at)
    assert desk.replay(delivery).json["status"] == "sending"
    assert conn.execute("SELECT due_at, attempts_before FROM webhook_deliveries").fetchall() == [(due_at, 0)]


def test_what_waits_is_sent_at_once(desk: Desk, conn: Connection, endpoint: UUID, shop: Receiver) -> None:
    delivery = factories.webhook_delivery(conn, endpoint, attempts=3, due_at=datetime.now(UTC) + timedelta(hours=2))
    desk.replay(delivery)
    take_turn(endpoint)
    assert shop.ids == [str(delivery)]
    assert conn.execute("SELECT attempts, attempts_before FROM webhook_deliveries").fetchall() == [(4, 0)]


def test_all_that_failed_since_a_time_is_replayed_in_parts(
    desk: Desk, conn: Connection, organisation: UUID, endpoint: UUID, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_MOST_REPLAYS", 2)
    failed: dict[str, Any] = {"status": "failed", "error": "no"}
    since = datetime.now(UTC) - timedelta(hours=1)
    before = [first_id(since + timedelta(minutes=minutes)) for minutes in (-1, 1, 2, 3)]
    for each in before:
        factories.webhook_delivery(conn, endpoint, id=each, **failed)
    other = factories.webhook_endpoint(conn, organisation)
    factories.webhook_delivery(conn, other, **failed)

    assert desk.replay_failed(endpoint, since).json == {"replayed": 2, "has_more": True}
    assert desk.replay_failed(endpoint, since).json == {"replayed": 1, "has_more": False}

    take_turn(endpoint)
    assert sorted(shop.ids) == sorted(map(str, before[1:]))
    assert len(desk.deliveries(status="failed")["items"]) == 2
    desk.change(endpoint, enabled=False)
    assert desk.replay_failed(endpoint, since).json["code"] == "webhook_endpoint_disabled"
