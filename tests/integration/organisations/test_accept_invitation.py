"""POST /v1/invitations/accept"""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.one_time import Purpose, token_of
from tests.helpers import audit, factories, invariants
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client


@pytest.fixture
def chi(conn: Connection) -> UUID:
    return factories.account(conn, email="chi@example.com")


def accept(api: Client, token: str, account: UUID) -> Answer:
    return api.post("/v1/invitations/accept", {"token": token}, account=account)


def role_of(conn: Connection, organisation: UUID, account: UUID) -> str | None:
    query = "SELECT role FROM members WHERE organisation_id = %s AND account_id = %s"
    row = conn.execute(query, [organisation, account]).fetchone()
    return row[0] if row else None


def test_whoever_reads_the_address_becomes_a_member(
    api: Client, conn: Connection, organisation: UUID, owner: UUID, chi: UUID
) -> None:
    invitation, token = factories.invitation(conn, organisation, "chi@example.com", "manager")

    answer = accept(api, token, chi)

    assert (answer.status, answer.json) == (
        200,
        {"organisation_id": str(organisation), "name": "Freedom Park", "role": "manager"},
    )
    assert api.get("/v1/me", account=chi).json["memberships"] == [answer.json]
    assert api.get(f"/v1/organisations/{organisation}/members", account=chi).status == 200, "at once"
    assert api.get(f"/v1/organisations/{organisation}/invitations", account=owner).json["items"] == []
    entry = audit.entries(conn)[-1]
    assert (entry.actor, entry.action, entry.subject) == (chi, "accept_invitation", f"invitation {invitation}")
    invited = {"email": "chi@example.com", "role": "manager"}
    assert entry.details == {**invited, "before": None, "after": {"role": "manager"}}
    invariants.check(conn)


def test_the_link_proves_the_address(api: Client, conn: Connection, organisation: UUID, chi: UUID) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com")
    verified = "SELECT email_verified_at IS NOT NULL FROM accounts WHERE id = %s"
    conn.execute("UPDATE accounts SET email_verified_at = NULL")

    accept(api, token, chi)

    assert conn.execute(verified, [chi]).fetchone() == (True,)


def test_a_link_works_once(api: Client, conn: Connection, organisation: UUID, chi: UUID) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com")
    assert accept(api, token, chi).status == 200

    with unchanged(conn):
        again = accept(api, token, chi)

    assert (again.status, again.code) == (404, "invitation_over")


def test_another_account_cannot_accept_and_the_link_stays_good(
    api: Client, conn: Connection, organisation: UUID, chi: UUID
) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com")
    by_phone = {"email": None, "phone": "+2348012345678", "phone_verified_at": factories.NOW}
    others = [factories.account(conn, email="dayo@example.com"), factories.account(conn, **by_phone)]

    with unchanged(conn):
        for other in others:
            refused = accept(api, token, other)
            assert (refused.status, refused.code) == (409, "invitation_for_another")
            assert "chi@example.com" not in refused.body.decode()

    assert accept(api, token, chi).status == 200


@pytest.mark.parametrize("role", ["scanner", "manager", "owner"])
@pytest.mark.parametrize("invited_as", ["scanner", "manager", "owner"])
def test_a_member_keeps_the_higher_role(
    api: Client, conn: Connection, organisation: UUID, chi: UUID, role: str, invited_as: str
) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com", invited_as)
    factories.member(conn, organisation, role, account_id=chi)

    answer = accept(api, token, chi)

    higher = max(role, invited_as, key=["scanner", "manager", "owner"].index)
    assert (answer.status, answer.json["role"], role_of(conn, organisation, chi)) == (200, higher, higher)


def test_an_invitation_that_was_replaced_is_over_and_the_new_one_counts(
    api: Client, conn: Connection, organisation: UUID, chi: UUID
) -> None:
    _, former = factories.invitation(conn, organisation, "chi@example.com", "owner")
    _, token = factories.invitation(conn, organisation, "chi@example.com", "scanner")

    assert accept(api, former, chi).code == "invitation_over"

    assert accept(api, token, chi).json["role"] == "scanner"


def test_after_seven_days_it_is_over(api: Client, conn: Connection, organisation: UUID, chi: UUID) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com")
    conn.execute("UPDATE one_time_tokens SET expires_at = now()")

    assert accept(api, token, chi).code == "invitation_over"


@pytest.mark.parametrize("end", ["removed", "demoted", "blocked"])
def test_an_invitation_ends_when_whoever_sent_it_is_no_owner_any_more(
    api: Client, conn: Connection, organisation: UUID, owner: UUID, chi: UUID, end: str
) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com", "owner")
    other = factories.member(conn, organisation, "owner")
    members = f"/v1/organisations/{organisation}/members/{owner}"
    match end:
        case "removed":
            api.delete(members, account=other)
        case "demoted":
            api.patch(members, {"role": "manager"}, account=other)
        case "blocked":
            conn.execute("UPDATE accounts SET blocked_at = now() WHERE id = %s", [owner])

    assert api.get(f"/v1/organisations/{organisation}/invitations", account=other).json["items"] == []
    assert accept(api, token, chi).code == "invitation_over"
    assert role_of(conn, organisation, chi) is None


def test_tokens_of_others_and_of_other_purposes_are_refused(
    api: Client, conn: Connection, organisation: UUID, chi: UUID
) -> None:
    _, token = factories.invitation(conn, organisation, "chi@example.com")
    (token_id,) = conn.execute("SELECT id FROM one_time_tokens").fetchone() or ()

    for wrong in (token[:-1], f"{token}A", token.upper(), token_of(Purpose.CONFIRM_EMAIL, token_id), "chi", "a b"):
        assert accept(api, wrong, chi).code == "invitation_over", wrong
    for unreadable in ("", "x" * 301):
        assert accept(api, unreadable, chi).status == 422
    assert api.post("/v1/invitations/accept", {"token": token}).status == 401
