"""POST /v1/events/{event_id}/publish"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.factories import NOW, order_request
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client


def test_the_public_sees_a_published_event_and_can_buy(
    api: Client, conn: Connection, manager: UUID, draft: UUID
) -> None:
    ticket_type = factories.ticket_type(conn, event_id=draft)
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 404

    answer = api.post(f"/v1/events/{draft}/publish", account=manager)

    assert (answer.status, answer.json["status"], answer.json["version"]) == (200, "published", 2)
    assert answer.version == 2
    assert api.get(f"/v1/events/{draft}").status == 200
    assert api.post("/v1/orders", order_request(ticket_type), key="new").status == 201
    assert conn.execute("SELECT action, subject FROM audit_log").fetchone() == ("publish_event", f"event {draft}")


def test_publishing_again_changes_nothing(
    api: Client, conn: Connection, manager: UUID, event: UUID, ticket_type: UUID
) -> None:
    before = snapshot(conn)

    answer = api.post(f"/v1/events/{event}/publish", account=manager)

    assert (answer.status, answer.json["version"]) == (200, 1)
    assert snapshot(conn) == before


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"status": "cancelled"}, "event_cancelled"),
        ({"starts_at": NOW - timedelta(days=2), "ends_at": NOW - timedelta(days=1)}, "event_over"),
    ],
)
def test_a_cancelled_or_past_event_cannot_be_published(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, event: dict[str, Any], code: str
) -> None:
    draft = factories.event(conn, **{"organisation_id": organisation, "status": "draft", **event})
    factories.ticket_type(conn, event_id=draft)
    before = snapshot(conn)

    answer = api.post(f"/v1/events/{draft}/publish", account=manager)

    assert (answer.status, answer.code) == (409, code)
    assert snapshot(conn) == before


def test_an_event_that_has_begun_can_be_published(
    api: Client, conn: Connection, organisation: UUID, manager: UUID
) -> None:
    begun = factories.event(conn, organisation_id=organisation, status="draft", starts_at=NOW - timedelta(hours=1))
    factories.ticket_type(conn, event_id=begun)

    assert api.post(f"/v1/events/{begun}/publish", account=manager).status == 200


def test_an_event_without_ticket_types_cannot_be_published(
    api: Client, conn: Connection, manager: UUID, draft: UUID
) -> None:
    factories.ticket_type(conn, event_id=draft, deleted_at="now")

    answer = api.post(f"/v1/events/{draft}/publish", account=manager)

    assert (answer.status, answer.code) == (409, "no_ticket_types")


@pytest.mark.parametrize("status", ["pending", "rejected", "suspended"])
def test_the_organisation_must_be_approved(api: Client, conn: Connection, status: str) -> None:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner, status=status)
    draft = factories.event(conn, organisation_id=organisation, status="draft")
    factories.ticket_type(conn, event_id=draft)

    answer = api.post(f"/v1/events/{draft}/publish", account=owner)

    assert (answer.status, answer.code) == (409, "organisation_not_approved")
    assert api.get(f"/v1/events/{draft}").status == 404


def test_only_a_manager_of_the_organisation_can_publish(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, draft: UUID
) -> None:
    path = f"/v1/events/{draft}/publish"
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)

    assert api.post(path).status == 401
    assert api.post(path, account=factories.member(conn, organisation, "scanner")).status == 403
    assert api.post(path, account=rival).status == 404
    assert api.post(f"/v1/events/{new_id()}/publish", account=manager).status == 404
