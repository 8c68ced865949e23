"""GET /v1/me"""

from uuid import uuid4

from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client


def test_it_shows_the_account_with_its_version(api: Client, conn: Connection) -> None:
    account = factories.account(conn, email="ada@example.com", name="Ada", phone="+2348012345678", version=3)

    answer = api.get("/v1/me", account=account)

    assert answer.status == 200
    assert answer.version == 3
    created_at = answer.json.pop("created_at")
    assert created_at.endswith("Z")
    assert answer.json == {
        "id": str(account),
        "email": "ada@example.com",
        "email_verified_at": None,
        "name": "Ada",
        "phone": "+2348012345678",
        "phone_verified_at": None,
        "locale": None,
        "second_factor_since": None,
        "version": 3,
        "created_at": created_at,
        "memberships": [],
    }


def test_it_shows_the_organisations_that_the_account_belongs_to(api: Client, conn: Connection) -> None:
    account = factories.account(conn)
    own = factories.organisation(conn, owner=account, name="Freedom Park")
    other = factories.organisation(conn, name="The Shrine")
    factories.member(conn, other, "scanner", account_id=account)
    factories.organisation(conn)

    memberships = api.get("/v1/me", account=account).json["memberships"]

    assert memberships == [
        {"organisation_id": str(own), "name": "Freedom Park", "role": "owner"},
        {"organisation_id": str(other), "name": "The Shrine", "role": "scanner"},
    ]


def test_the_token_of_a_deleted_account_is_refused(api: Client) -> None:
    answer = api.get("/v1/me", account=uuid4())

    assert (answer.status, answer.code) == (401, "unauthenticated")


def test_only_accounts_can_ask(api: Client) -> None:
    answer = api.get("/v1/me")

    assert answer.status == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
