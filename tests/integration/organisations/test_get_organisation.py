"""GET /v1/organisations/{organisation_id}"""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client

PROFILE = {
    "name": "Freedom Park",
    "slug": "freedom-park",
    "logo_url": "https://example.com/logo.png",
    "description": "Concerts under the open sky.",
    "website": "https://example.com/",
    "contact_email": "hello@example.com",
    "contact_phone": "+2348012345678",
    "postal_address": "1 Hospital Road\nLagos",
    "terms": "# Terms\n\nNo refunds.",
    "locale": "fr",
    "version": 4,
}


def shown(organisation: UUID, **others: Any) -> dict[str, Any]:
    html = "<p>Concerts under the open sky.</p>\n"
    return {"id": str(organisation), **PROFILE, "logo": None, "description_html": html, **others}


def test_everybody_sees_the_profile_of_an_approved_one_and_nothing_else(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn, **PROFILE)

    for account in (None, factories.account(conn), factories.member(conn, factories.organisation(conn), "owner")):
        answer = api.get(f"/v1/organisations/{organisation}", account=account)

        assert (answer.status, answer.json) == (200, shown(organisation))
        assert (answer.version, answer.headers["vary"]) == (4, "Authorization, X-Api-Key")


@pytest.mark.parametrize("role", ["scanner", "manager", "owner"])
def test_its_members_see_the_status_and_its_reason_too(api: Client, conn: Connection, role: str) -> None:
    organisation = factories.organisation(conn, **PROFILE, status="suspended", status_reason="Fraud")

    answer = api.get(f"/v1/organisations/{organisation}", account=factories.member(conn, organisation, role))

    assert answer.status == 200
    assert answer.version == 4
    created = {"created_at": answer.json["created_at"]}
    assert answer.json == shown(organisation, status="suspended", status_reason="Fraud", **created)


def test_an_admin_sees_what_members_see(api: Client, conn: Connection) -> None:
    organisation = factories.organisation(conn, status="pending")

    answer = api.get(f"/v1/organisations/{organisation}", account=factories.account(conn, is_admin=True))

    assert (answer.status, answer.json["status"]) == (200, "pending")


@pytest.mark.parametrize("status", ["pending", "rejected", "suspended"])
def test_nobody_else_learns_that_one_exists_which_is_not_approved(api: Client, conn: Connection, status: str) -> None:
    organisation, other = factories.organisation(conn, status=status), factories.organisation(conn)

    strangers = [
        api.get(f"/v1/organisations/{organisation}"),
        api.get(f"/v1/organisations/{organisation}", account=factories.account(conn)),
        api.get(f"/v1/organisations/{organisation}", account=factories.member(conn, other, "owner")),
        api.get(f"/v1/organisations/{uuid4()}", account=factories.account(conn)),
    ]

    assert [(answer.status, answer.code) for answer in strangers] == [(404, "not_found")] * 4
    assert len({answer.json["detail"] for answer in strangers}) == 1


def test_a_key_of_its_own_sees_what_members_see(api: Client, conn: Connection) -> None:
    organisation, other = factories.organisation(conn, status="pending"), factories.organisation(conn)
    _, key = factories.api_key(conn, organisation, "events:read")

    own, others = (api.get(f"/v1/organisations/{each}", headers={"x-api-key": key}) for each in (organisation, other))

    assert (own.status, own.json["status"]) == (200, "pending")
    assert others.status == 404, "a key reads of its own organisation alone"


def test_an_invalid_id_is_refused(api: Client) -> None:
    assert api.get("/v1/organisations/freedom-park").status == 422
