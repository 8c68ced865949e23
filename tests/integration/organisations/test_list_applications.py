"""GET /v1/admin/organisations"""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.support import Client

PATH = "/v1/admin/organisations"


@pytest.fixture
def admin(conn: Connection) -> UUID:
    return factories.account(conn, is_admin=True)


@pytest.fixture
def organisations(conn: Connection) -> list[UUID]:
    return [
        factories.organisation(conn, name="Größe & Café", slug="grosse-cafe", status="pending"),
        factories.organisation(conn, name="Freedom Park", slug="freedom-park"),
        factories.organisation(conn, name="تئاتر شهر", slug="theatre", status="rejected"),
        factories.organisation(conn, name="Park Lane", slug="park-lane", status="pending"),
    ]


def test_the_newest_come_first_with_their_owners(api: Client, conn: Connection, admin: UUID) -> None:
    first = factories.organisation(conn)
    ada = factories.account(conn, name="Ada", email="ada@example.com")
    second = factories.organisation(conn, owner=ada, status="suspended", status_reason="Fraud")
    factories.member(conn, second, "manager")

    items = api.get(PATH, account=admin).json["items"]

    assert [item["id"] for item in items] == [str(second), str(first)]
    assert (items[0]["status"], items[0]["status_reason"]) == ("suspended", "Fraud")
    assert items[0]["owners"] == [{"account_id": str(ada), "name": "Ada", "email": "ada@example.com"}]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"status": "pending"}, [3, 0]),
        ({"q": "park"}, [3, 1]),
        ({"q": "PARK", "status": "pending"}, [3]),
        ({"q": "grosse"}, [0]),
        ({"q": "größe"}, [0]),
        ({"q": "شهر"}, [2]),
        ({"q": "park-lane"}, [3]),
        ({"q": "nothing"}, []),
        ({"q": "'; DROP TABLE organisations; --"}, []),
    ],
)
def test_it_finds_by_status_and_words(
    api: Client, admin: UUID, organisations: list[UUID], query: dict[str, Any], found: list[int]
) -> None:
    answer = api.get(PATH, account=admin, query=query)

    assert [item["id"] for item in answer.json["items"]] == [str(organisations[number]) for number in found]


def test_pages_follow_each_other(api: Client, admin: UUID, organisations: list[UUID]) -> None:
    seen, cursor = [], None
    for _ in range(4):
        query = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        answer = api.get(PATH, account=admin, query=query).json
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]

    assert seen == [str(organisation) for organisation in reversed(organisations)]
    assert cursor is None


def test_nobody_can_make_a_page_too_long_to_be_answered(api: Client, conn: Connection, admin: UUID) -> None:
    """Whoever applies writes 50,000 characters, and may apply often."""
    texts = {"description": "\\" * 10_000, "terms": "\U0001f600" * 40_000}
    made = [factories.organisation(conn, status="pending", **texts) for _ in range(21)]
    seen, query = [], {"limit": 100}

    while query:
        answer = api.get(PATH, account=admin, query=query)
        assert answer.status == 200
        seen += [item["id"] for item in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        query = {"limit": 100, "cursor": cursor} if cursor else {}

    assert seen == [str(organisation) for organisation in reversed(made)]


def test_other_queries_are_refused(api: Client, admin: UUID) -> None:
    for query in ({"status": "open"}, {"q": ""}, {"q": "x" * 201}, {"cursor": "x"}, {"limit": 101}):
        assert api.get(PATH, account=admin, query=query).status == 422, query
