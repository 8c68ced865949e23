"""GET /v1/organisations/{organisation_id}/members"""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client


def test_each_has_a_name_an_address_a_role_and_a_day(
    api: Client, conn: Connection, organisation: UUID, owner: UUID, manager: UUID
) -> None:
    by_phone = {"email": None, "phone": "+2348012345678", "phone_verified_at": factories.NOW}
    nurse = factories.member(conn, organisation, "scanner", account_id=factories.account(conn, name="ලක්මාලි", **by_phone))

    items = api.get(f"/v1/organisations/{organisation}/members", account=manager).json["items"]

    assert [(item["account_id"], item["name"], item["email"], item["role"]) for item in items] == [
        (str(owner), "Ada Owner", "ada@example.com", "owner"),
        (str(manager), "Bola Manager", "bola@example.com", "manager"),
        (str(nurse), "ලක්මාලි", None, "scanner"),
    ]
    assert all(item["since"].endswith("Z") for item in items)


def test_pages_follow_each_other(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> None:
    members = [owner, *(factories.member(conn, organisation, "scanner") for _ in range(4))]
    path = f"/v1/organisations/{organisation}/members"

    first = api.get(path, account=owner, query={"limit": 3}).json
    second = api.get(path, account=owner, query={"limit": 3, "cursor": first["next_cursor"]}).json

    assert [item["account_id"] for item in first["items"] + second["items"]] == [str(member) for member in members]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("listed", ["members", "invitations"])
def test_a_scanner_does_not_see_them(api: Client, organisation: UUID, scanner: UUID, listed: str) -> None:
    assert api.get(f"/v1/organisations/{organisation}/{listed}", account=scanner).status == 403


def test_an_admin_sees_them_as_a_manager_does(api: Client, conn: Connection, organisation: UUID) -> None:
    admin = factories.account(conn, is_admin=True)

    assert len(api.get(f"/v1/organisations/{organisation}/members", account=admin).json["items"]) == 1
