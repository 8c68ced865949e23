"""POST /v1/admin/organisations/{organisation_id}/decision, and POST /v1/organisations/{organisation_id}/application"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import audit, factories
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client

type Entry = tuple[UUID, str, dict[str, Any]]


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


def decide(
    api: Client, admin: UUID, organisation: UUID, decision: str, reason: str | None = None, **headers: str
) -> Answer:
    body = {"decision": decision, "reason": reason}
    return api.post(f"/v1/admin/organisations/{organisation}/decision", body, account=admin, headers=headers)


def apply_again(api: Client, owner: UUID, organisation: UUID) -> Answer:
    return api.post(f"/v1/organisations/{organisation}/application", account=owner)


def emails(conn: Connection) -> list[tuple[str, str, dict[str, Any]]]:
    return conn.execute("SELECT recipient, template, payload FROM outbox ORDER BY recipient").fetchall()


def entries(conn: Connection) -> list[Entry]:
    return [(entry.actor, entry.action, entry.details) for entry in audit.entries(conn)]


def test_an_approval_is_told_to_every_owner(api: Client, conn: Connection, admin: UUID) -> None:
    owner = factories.account(conn, email="ada@example.com")
    organisation = factories.organisation(conn, owner=owner, status="pending")
    factories.member(conn, organisation, "owner", account_id=factories.account(conn, email="bola@example.com"))
    factories.member(conn, organisation, "manager")

    answer = decide(api, admin, organisation, "approve")

    assert (answer.status, answer.version) == (200, 2)
    assert (answer.json["status"], answer.json["status_reason"], answer.json["version"]) == ("approved", None, 2)
    assert [owner["email"] for owner in answer.json["owners"]] == ["ada@example.com", "bola@example.com"]
    payload = {"organisation_id": str(organisation), "decision": "approve", "reason": None}
    assert emails(conn) == [
        (address, "organisation_decided", payload) for address in ("ada@example.com", "bola@example.com")
    ]


def test_the_log_has_who_decided_what_and_why(api: Client, conn: Connection, admin: UUID) -> None:
    organisation = factories.organisation(conn)

    decide(api, admin, organisation, "suspend", "Fraud")
    decide(api, admin, organisation, "approve", "It was a mistake.")

    approved, suspended = {"status": "approved", "reason": None}, {"status": "suspended", "reason": "Fraud"}
    again = {"status": "approved", "reason": "It was a mistake."}
    assert entries(conn) == [
        (admin, "decide_application", {"before": approved, "after": suspended}),
        (admin, "decide_application", {"before": suspended, "after": again}),
    ]
    assert conn.execute("SELECT DISTINCT chain FROM audit_log").fetchall() == [(organisation,)]


def test_the_same_decision_again_changes_nothing(api: Client, conn: Connection, admin: UUID) -> None:
    organisation = factories.organisation(conn)
    first = decide(api, admin, organisation, "suspend", "Fraud")

    with unchanged(conn):
        again = decide(api, admin, organisation, "suspend", "Fraud")

    assert (again.status, again.json) == (200, first.json)


def test_a_decision_that_the_status_does_not_allow_says_which_ones_it_does(
    api: Client, conn: Connection, admin: UUID
) -> None:
    organisation = factories.organisation(conn, status="pending")

    refused = decide(api, admin, organisation, "suspend", "Fraud")

    assert (refused.status, refused.code) == (409, "decision_not_possible")
    assert (refused.json["organisation_status"], refused.json["decisions"]) == ("pending", ["approve", "reject"])


def test_a_rejected_one_applies_again_and_the_new_reason_is_shown(api: Client, conn: Connection, admin: UUID) -> None:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner, status="pending")
    path = f"/v1/organisations/{organisation}"
    decide(api, admin, organisation, "reject", "Who are you?")
    assert api.get(path, account=owner).json["status_reason"] == "Who are you?"

    applied = apply_again(api, owner, organisation)

    assert (applied.status, applied.json["status"], applied.json["status_reason"]) == (200, "pending", "Who are you?")
    with unchanged(conn):
        assert apply_again(api, owner, organisation).json == applied.json
    decide(api, admin, organisation, "reject", "Your website is empty.")
    assert api.get(path, account=owner).json["status_reason"] == "Your website is empty."
    assert [action for _, action, _ in entries(conn)] == ["decide_application", "apply_again", "decide_application"]
    decide(api, admin, organisation, "approve")
    assert api.get(path, account=owner).json["status_reason"] is None


@pytest.mark.parametrize("status", ["approved", "suspended"])
def test_only_a_rejected_one_applies_again(api: Client, conn: Connection, status: str) -> None:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner, status=status)

    refused = apply_again(api, owner, organisation)

    assert (refused.status, refused.code) == (409, "application_not_possible")
    assert refused.json["organisation_status"] == status


def test_an_admin_who_read_an_old_version_does_not_decide(api: Client, conn: Connection, admin: UUID) -> None:
    organisation = factories.organisation(conn, status="pending", version=3)

    stale = decide(api, admin, organisation, "approve", **{"if-match": '"2"'})

    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale_version", 3)
    assert decide(api, admin, organisation, "approve", **{"if-match": '"3"'}).status == 200


def test_an_owner_without_an_address_is_left_out(api: Client, conn: Connection, admin: UUID) -> None:
    by_phone = {"email": None, "phone": "+2348012345678", "phone_verified_at": factories.NOW}
    organisation = factories.organisation(conn, owner=factories.account(conn, **by_phone), status="pending")

    assert decide(api, admin, organisation, "approve").json["owners"][0]["email"] is None

    assert emails(conn) == []


def test_a_draft_is_written_while_pending_and_published_once_approved(
    api: Client, conn: Connection, admin: UUID
) -> None:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner, status="pending")
    draft = factories.event(conn, organisation_id=organisation, status="draft")
    factories.ticket_type(conn, event_id=draft)
    assert api.patch(f"/v1/events/{draft}", {"title": "Jazz"}, account=owner).status == 200

    refused = api.post(f"/v1/events/{draft}/publish", account=owner)

    assert (refused.code, refused.json["organisation_status"]) == ("organisation_not_approved", "pending")
    decide(api, admin, organisation, "approve")
    assert api.post(f"/v1/events/{draft}/publish", account=owner).status == 200


def test_bodies_without_a_reason_and_others_are_refused(api: Client, conn: Connection, admin: UUID) -> None:
    organisation = factories.organisation(conn)
    path = f"/v1/admin/organisations/{organisation}/decision"

    for body in ({"decision": "suspend"}, {"decision": "close", "reason": "x"}, {}, {"decision": "approve", "x": 1}):
        assert api.post(path, body, account=admin).status == 422, body


def test_what_does_not_exist_is_not_found(api: Client, admin: UUID) -> None:
    assert decide(api, admin, uuid4(), "approve").status == 404
