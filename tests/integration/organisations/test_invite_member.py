"""POST /v1/organisations/{organisation_id}/members, and the invitations that it makes"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import audit, factories, invariants
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client


def invite(
    api: Client, organisation: UUID, account: UUID, email: str = "chi@example.com", role: str = "manager"
) -> Answer:
    return api.post(f"/v1/organisations/{organisation}/members", {"email": email, "role": role}, account=account)


def pending(api: Client, organisation: UUID, account: UUID) -> list[tuple[str, str]]:
    items = api.get(f"/v1/organisations/{organisation}/invitations", account=account).json["items"]
    return [(item["email"], item["role"]) for item in items]


def emails(conn: Connection) -> list[tuple[str, str]]:
    return conn.execute("SELECT recipient, template FROM outbox ORDER BY id").fetchall()


def test_an_address_is_written_to_and_waits_for_seven_days(
    api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
) -> None:
    answer = invite(api, organisation, owner, "Chi@Example.com", "scanner")

    assert answer.status == 201
    assert (answer.json["email"], answer.json["role"], answer.json["invited_by"]) == (
        "chi@example.com",
        "scanner",
        str(owner),
    )
    left = datetime.fromisoformat(answer.json["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left < timedelta(days=7)
    assert emails(conn) == [("chi@example.com", "invitation")]
    assert pending(api, organisation, manager) == [("chi@example.com", "scanner")]
    entry, subject = audit.only_entry(conn), f"invitation {answer.json['id']}"
    assert (entry.chain, entry.actor, entry.action, entry.subject) == (organisation, owner, "invite_member", subject)
    assert entry.details == {"email": "chi@example.com", "role": "scanner"}
    invariants.check(conn)


def test_the_answer_does_not_tell_if_the_address_has_an_account(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    factories.account(conn, email="known@example.com")

    known, unknown = (invite(api, organisation, owner, f"{who}@example.com") for who in ("known", "unknown"))

    assert known.status == unknown.status == 201
    assert known.json.keys() == unknown.json.keys()


def test_a_second_invitation_of_an_address_replaces_the_first(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    invite(api, organisation, owner, role="scanner")
    invite(api, organisation, owner, "dayo@example.com")
    conn.execute("UPDATE invitations SET expires_at = now() - interval '1 day'")

    assert invite(api, organisation, owner, role="owner").status == 201

    assert pending(api, organisation, owner) == [("chi@example.com", "owner")], "the other one is over"
    assert len(emails(conn)) == 3
    invariants.check(conn)


def test_a_member_is_not_invited(api: Client, conn: Connection, organisation: UUID, owner: UUID, scanner: UUID) -> None:
    with unchanged(conn):
        refused = invite(api, organisation, owner, "Sade@example.com")

    assert (refused.status, refused.code) == (409, "already_member")
    assert (refused.json["account_id"], refused.json["role"]) == (str(scanner), "scanner")


def test_an_organisation_invites_twenty_in_an_hour(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    answers = [invite(api, organisation, owner, f"chi{number}@example.com") for number in range(21)]

    assert [answer.status for answer in answers] == [201] * 20 + [429]
    assert len(emails(conn)) == 20
    assert 3590 <= int(answers[20].headers["retry-after"]) <= 3600


def test_an_owner_of_many_organisations_invites_twenty_in_an_hour(api: Client, conn: Connection) -> None:
    owner = factories.account(conn)
    organisations = [factories.organisation(conn, owner=owner) for _ in range(3)]

    answers = [invite(api, organisations[number % 3], owner, f"chi{number}@example.com") for number in range(21)]

    assert [answer.status for answer in answers] == [201] * 20 + [429]


def test_many_accounts_of_one_caller_have_three_hundred_emails_sent_in_an_hour(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    assert invite(api, organisation, owner).status == 201
    conn.execute("UPDATE rate_limits SET attempts = 300 WHERE bucket LIKE 'emails by%'")
    other = factories.account(conn)

    answer = invite(api, factories.organisation(conn, owner=other), other, "chi@example.com")

    assert (answer.status, len(emails(conn))) == (429, 1)


def test_an_address_is_written_to_ten_times_in_an_hour_by_all_organisations(api: Client, conn: Connection) -> None:
    owners = [factories.account(conn) for _ in range(11)]

    answers = [invite(api, factories.organisation(conn, owner=owner), owner) for owner in owners]

    assert [answer.status for answer in answers] == [201] * 10 + [429]
    assert len(emails(conn)) == 10


def test_a_stranger_does_not_use_up_the_attempts_of_an_organisation(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    stranger = factories.account(conn)
    assert {invite(api, organisation, stranger).status for _ in range(21)} == {404}

    assert invite(api, organisation, owner).status == 201


@pytest.mark.parametrize("who", ["manager", "scanner"])
def test_only_owners_invite(api: Client, organisation: UUID, who: str, request: pytest.FixtureRequest) -> None:
    assert invite(api, organisation, request.getfixturevalue(who)).status == 403


def test_other_bodies_are_refused(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> None:
    with unchanged(conn):
        for email, role in [("chi", "manager"), ("chi@localhost", "manager"), ("chi@example.com", "admin")]:
            assert invite(api, organisation, owner, email, role).status == 422


def test_an_invitation_is_withdrawn(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> None:
    invitation, token = factories.invitation(conn, organisation, "chi@example.com", "scanner")
    path = f"/v1/organisations/{organisation}/invitations/{invitation}"

    assert api.delete(path, account=owner).status == 204

    assert pending(api, organisation, owner) == []
    assert api.delete(path, account=owner).status == 404
    assert api.delete(f"/v1/organisations/{organisation}/invitations/{uuid4()}", account=owner).status == 404
    chi = factories.account(conn, email="chi@example.com")
    assert api.post("/v1/invitations/accept", {"token": token}, account=chi).code == "invitation_over"
    actions = conn.execute("SELECT action FROM audit_log ORDER BY entry").fetchall()
    assert actions == [("invite_member",), ("revoke_invitation",)]


def test_invitations_of_others_are_not_withdrawn(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    theirs, _ = factories.invitation(conn, factories.organisation(conn))

    assert api.delete(f"/v1/organisations/{organisation}/invitations/{theirs}", account=owner).status == 404


def test_pages_of_invitations_follow_each_other(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> None:
    invited = [factories.invitation(conn, organisation, f"chi{number}@example.com")[0] for number in range(5)]
    path = f"/v1/organisations/{organisation}/invitations"

    first = api.get(path, account=owner, query={"limit": 3}).json
    second = api.get(path, account=owner, query={"limit": 3, "cursor": first["next_cursor"]}).json

    newest_first = [str(invitation) for invitation in reversed(invited)]
    assert [item["id"] for item in first["items"] + second["items"]] == newest_first
    assert second["next_cursor"] is None


@pytest.mark.parametrize("status", ["rejected", "suspended"])
def test_one_that_an_admin_decided_against_sends_nothing(api: Client, conn: Connection, status: str) -> None:
    owner = factories.account(conn)
    organisation = factories.organisation(conn, owner=owner, status=status)

    with unchanged(conn):
        refused = invite(api, organisation, owner)

    assert (refused.status, refused.code, refused.json["organisation_status"]) == (409, "may_not_invite", status)


def test_a_pending_one_gathers_its_team(api: Client, conn: Connection) -> None:
    owner = factories.account(conn)

    assert invite(api, factories.organisation(conn, owner=owner, status="pending"), owner).status == 201
