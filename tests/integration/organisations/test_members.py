"""Roles, removals and the hand-over: the last owner stays, and a change holds from the next request on."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import audit, factories, invariants
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client


def path(organisation: UUID, account: UUID) -> str:
    return f"/v1/organisations/{organisation}/members/{account}"


def change(api: Client, organisation: UUID, member: UUID, role: str, account: UUID) -> Answer:
    return api.patch(path(organisation, member), {"role": role}, account=account)


def remove(api: Client, organisation: UUID, member: UUID, account: UUID) -> Answer:
    return api.delete(path(organisation, member), account=account)


def hand_over(api: Client, organisation: UUID, new: UUID, account: UUID) -> Answer:
    return api.put(f"/v1/organisations/{organisation}/owner", {"account_id": str(new)}, account=account)


def roles(conn: Connection, organisation: UUID) -> dict[UUID, str]:
    return dict(
        conn.execute("SELECT account_id, role FROM members WHERE organisation_id = %s", [organisation]).fetchall()
    )


def log(conn: Connection) -> list[tuple[UUID, str, str, dict[str, Any]]]:
    return [(entry.actor, entry.action, entry.subject, entry.details) for entry in audit.entries(conn)]


def emails(conn: Connection) -> list[tuple[str, str]]:
    return conn.execute("SELECT recipient, template FROM outbox ORDER BY id").fetchall()


class TestRoles:
    def test_a_new_role_holds_from_the_next_request_on(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, scanner: UUID
    ) -> None:
        members = f"/v1/organisations/{organisation}/members"
        assert api.get(members, account=scanner).status == 403

        answer = change(api, organisation, scanner, "manager", owner)

        assert (answer.status, answer.json["role"], answer.json["name"]) == (200, "manager", "Sade Scanner")
        assert api.get(members, account=scanner).status == 200
        change(api, organisation, scanner, "scanner", owner)
        assert api.get(members, account=scanner).status == 403
        up, down = (
            {"before": {"role": before}, "after": {"role": after}}
            for before, after in (("scanner", "manager"), ("manager", "scanner"))
        )
        subject = f"account {scanner}"
        assert log(conn) == [(owner, "change_member_role", subject, facts) for facts in (up, down)]

    def test_the_role_that_a_member_has_changes_nothing(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID
    ) -> None:
        with unchanged(conn):
            assert change(api, organisation, owner, "owner", owner).status == 200

    def test_the_last_owner_stays_one(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
    ) -> None:
        with unchanged(conn):
            refused = change(api, organisation, owner, "manager", owner)
        assert (refused.status, refused.code) == (409, "last_owner")

        change(api, organisation, manager, "owner", owner)

        assert change(api, organisation, owner, "scanner", owner).status == 200
        assert roles(conn, organisation) == {owner: "scanner", manager: "owner"}
        assert change(api, organisation, manager, "owner", owner).status == 403
        invariants.check(conn)

    def test_who_is_no_member_is_not_found(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID
    ) -> None:
        rival = factories.member(conn, factories.organisation(conn), "scanner")

        for account in (rival, uuid4()):
            assert change(api, organisation, account, "manager", owner).status == 404
            assert remove(api, organisation, account, owner).status == 404

    def test_other_roles_are_refused(self, api: Client, organisation: UUID, owner: UUID, scanner: UUID) -> None:
        for role in ("admin", "", "Owner"):
            assert change(api, organisation, scanner, role, owner).status == 422


class TestRemovals:
    def test_a_member_who_was_removed_finds_nothing_from_the_next_request_on(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
    ) -> None:
        event = factories.event(conn, organisation_id=organisation, status="draft")
        assert api.get(f"/v1/events/{event}", account=manager).status == 200

        assert remove(api, organisation, manager, owner).status == 204

        assert api.get(f"/v1/events/{event}", account=manager).status == 404
        assert api.get(f"/v1/organisations/{organisation}/members", account=manager).status == 404
        assert api.get("/v1/me", account=manager).json["memberships"] == []
        assert remove(api, organisation, manager, owner).status == 404
        facts = {"before": {"role": "manager"}, "after": None}
        assert log(conn) == [(owner, "remove_member", f"account {manager}", facts)]

    @pytest.mark.parametrize("who", ["scanner", "manager"])
    def test_each_member_can_leave_and_remove_nobody_else(
        self, api: Client, organisation: UUID, owner: UUID, who: str, request: pytest.FixtureRequest
    ) -> None:
        member = request.getfixturevalue(who)
        assert remove(api, organisation, owner, member).status == 403

        assert remove(api, organisation, member, member).status == 204

        assert remove(api, organisation, member, member).status == 404

    def test_the_last_owner_cannot_leave(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
    ) -> None:
        with unchanged(conn):
            refused = remove(api, organisation, owner, owner)
        assert (refused.status, refused.code) == (409, "last_owner")

        other = factories.member(conn, organisation, "owner")

        assert remove(api, organisation, owner, other).status == 204
        assert remove(api, organisation, other, other).code == "last_owner"
        invariants.check(conn)

    def test_a_blocked_owner_is_none(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
    ) -> None:
        blocked = factories.account(conn, blocked_at=factories.NOW)
        factories.member(conn, organisation, "owner", account_id=blocked)

        assert remove(api, organisation, owner, owner).code == "last_owner"

        assert remove(api, organisation, blocked, owner).status == 204

    def test_an_admin_who_is_no_member_removes_nobody(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID
    ) -> None:
        admin = factories.account(conn, is_admin=True)

        assert remove(api, organisation, owner, admin).status == 403
        assert remove(api, organisation, admin, admin).status == 404


class TestHandOver:
    def test_a_member_becomes_the_owner_and_the_former_one_a_manager(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
    ) -> None:
        answer = hand_over(api, organisation, manager, owner)

        assert (answer.status, answer.json["account_id"], answer.json["role"]) == (200, str(manager), "owner")
        assert roles(conn, organisation) == {owner: "manager", manager: "owner"}
        assert emails(conn) == [
            ("bola@example.com", "ownership_received"),
            ("ada@example.com", "ownership_handed_over"),
        ]
        facts = {
            "before": {str(owner): "owner", str(manager): "manager"},
            "after": {str(owner): "manager", str(manager): "owner"},
        }
        assert log(conn) == [(owner, "hand_over_organisation", f"account {manager}", facts)]
        assert hand_over(api, organisation, owner, owner).status == 403, "from the next request on"
        invariants.check(conn)

    def test_other_owners_stay_owners(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, scanner: UUID
    ) -> None:
        partner = factories.member(conn, organisation, "owner")

        hand_over(api, organisation, scanner, owner)

        assert roles(conn, organisation) == {owner: "manager", partner: "owner", scanner: "owner"}

    def test_only_another_member_can_take_it_over(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID
    ) -> None:
        with unchanged(conn):
            stranger = uuid4()
            for account in (owner, stranger):
                refused = hand_over(api, organisation, account, owner)
                assert (refused.status, refused.json["errors"][0]["loc"]) == (422, ["body", "account_id"])

    def test_nobody_hands_it_over_to_an_account_that_is_blocked(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, scanner: UUID
    ) -> None:
        """A blocked owner counts as none, and the last one stays."""
        conn.execute("UPDATE accounts SET blocked_at = now(), block_reason = 'x' WHERE id = %s", [scanner])
        admin = factories.account(conn, is_admin=True)
        with unchanged(conn):
            for caller in (owner, admin):
                refused = hand_over(api, organisation, scanner, caller)
                assert (refused.status, refused.json["errors"][0]["loc"]) == (422, ["body", "account_id"])

    def test_an_admin_gives_it_back_to_an_owner_who_was_removed(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, scanner: UUID
    ) -> None:
        hand_over(api, organisation, scanner, owner)
        remove(api, organisation, owner, scanner)
        admin = factories.account(conn, is_admin=True)

        answer = hand_over(api, organisation, owner, admin)

        assert (answer.status, answer.json["role"]) == (200, "owner")
        assert roles(conn, organisation) == {owner: "owner", scanner: "manager"}
        assert emails(conn)[-2:] == [
            ("ada@example.com", "ownership_received"),
            ("sade@example.com", "ownership_handed_over"),
        ]
        facts = {
            "before": {str(scanner): "owner", str(owner): None},
            "after": {str(scanner): "manager", str(owner): "owner"},
        }
        assert log(conn)[-1] == (admin, "hand_over_organisation", f"account {owner}", facts)
        invariants.check(conn)

    def test_an_admin_who_owns_it_hands_over_as_an_owner_does(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID, scanner: UUID
    ) -> None:
        admin = factories.member(conn, organisation, "owner", account_id=factories.account(conn, is_admin=True))

        hand_over(api, organisation, scanner, admin)

        assert roles(conn, organisation) == {owner: "owner", scanner: "owner", admin: "manager"}

    def test_an_admin_who_names_the_only_owner_changes_nothing(
        self, api: Client, conn: Connection, organisation: UUID, owner: UUID
    ) -> None:
        admin = factories.account(conn, is_admin=True)

        with unchanged(conn):
            assert hand_over(api, organisation, owner, admin).json["role"] == "owner"

    def test_an_admin_names_an_account_that_exists(self, api: Client, conn: Connection, organisation: UUID) -> None:
        admin = factories.account(conn, is_admin=True)
        erased = factories.account(conn, email=None, erased_at=factories.NOW)

        for account in (uuid4(), erased):
            assert hand_over(api, organisation, account, admin).status == 422
        assert hand_over(api, uuid4(), admin, admin).status == 404

    @pytest.mark.parametrize("who", ["manager", "scanner"])
    def test_lower_roles_hand_nothing_over(
        self, api: Client, organisation: UUID, who: str, request: pytest.FixtureRequest
    ) -> None:
        member = request.getfixturevalue(who)

        refused = hand_over(api, organisation, member, member)

        assert (refused.status, refused.json["required_role"], refused.json["your_role"]) == (403, "owner", who)
