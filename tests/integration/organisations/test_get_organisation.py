"""GET /v1/organisations/{organisation_id}"""

from uuid import uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client


@pytest.mark.parametrize("role", ["scanner", "manager", "owner"])
def test_its_members_see_it(api: Client, conn: Connection, role: str) -> None:
    organisation = factories.organisation(conn, name="Freedom Park", status="pending", version=4)

    answer = api.get(f"/v1/organisations/{organisation}", account=factories.member(conn, organisation, role))

    assert answer.status == 200
    assert answer.headers["etag"] == '"4"'
    assert (answer.json["id"], answer.json["name"], answer.json["status"]) == (
        str(organisation),
        "Freedom Park",
        "pending",
    )


def test_nobody_else_learns_that_it_exists(api: Client, conn: Connection) -> None:
    organisation, other = factories.organisation(conn), factories.organisation(conn)

    strangers = [
        api.get(f"/v1/organisations/{organisation}", account=factories.account(conn)),
        api.get(f"/v1/organisations/{organisation}", account=factories.member(conn, other, "owner")),
        api.get(f"/v1/organisations/{uuid4()}", account=factories.account(conn)),
    ]

    assert [(answer.status, answer.code) for answer in strangers] == [(404, "not_found")] * 3
    assert len({answer.json["detail"] for answer in strangers}) == 1


def test_an_invalid_id_is_refused(api: Client, conn: Connection) -> None:
    assert api.get("/v1/organisations/freedom-park", account=factories.account(conn)).status == 422


def test_only_accounts_can_ask(api: Client, conn: Connection) -> None:
    assert api.get(f"/v1/organisations/{factories.organisation(conn)}").status == 401


def test_an_admin_reads_it_as_a_manager_does(api: Client, conn: Connection) -> None:
    admin = factories.account(conn, is_admin=True)

    assert api.get(f"/v1/organisations/{factories.organisation(conn)}", account=admin).status == 200
    assert api.get(f"/v1/organisations/{uuid4()}", account=admin).status == 404
