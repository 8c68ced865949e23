"""GET /v1/organisations/{organisation_id}/orders and GET /v1/me/orders"""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import first_id
from tests.helpers import factories
from tests.helpers.factories import NOW
from tests.helpers.support import Client


def listed(api: Client, organisation: UUID, manager: UUID, **query: Any) -> list[str]:
    answer = api.get(f"/v1/organisations/{organisation}/orders", account=manager, query=query)
    assert answer.status == 200
    return [order["id"] for order in answer.json["items"]]


def test_newest_first_and_only_the_organisations_own(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, ticket_type: UUID
) -> None:
    orders = [factories.order(conn, ticket_type) for _ in range(3)]
    factories.order(conn, factories.ticket_type(conn))

    assert listed(api, organisation, manager) == [str(order) for order in reversed(orders)]


def test_pages_follow_each_other_without_gap_or_repeat(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, ticket_type: UUID
) -> None:
    orders = [factories.order(conn, ticket_type) for _ in range(7)]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = api.get(f"/v1/organisations/{organisation}/orders", account=manager, query=query).json
        seen += [order["id"] for order in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == [str(order) for order in reversed(orders)]


def test_filters_combine(api: Client, conn: Connection, organisation: UUID, manager: UUID, ticket_type: UUID) -> None:
    other_event = factories.ticket_type(conn, event_id=factories.event(conn, organisation_id=organisation))
    (event,) = conn.execute("SELECT event_id FROM ticket_types WHERE id = %s", [ticket_type]).fetchone() or (None,)
    plain = factories.order(conn, ticket_type)
    ada = factories.order(conn, ticket_type, buyer_email="ada@example.com")
    paid = factories.paid_order(conn, ticket_type, buyer_email="ada@example.com")
    elsewhere = factories.order(conn, other_event, buyer_email="ada@example.com")

    def found(**query: Any) -> set[str]:
        return set(listed(api, organisation, manager, **query))

    assert found(event_id=event) == {str(plain), str(ada), str(paid)}
    assert found(email="Ada@Example.com") == {str(ada), str(paid), str(elsewhere)}
    assert found(status="paid") == {str(paid)}
    assert found(event_id=event, email="ada@example.com", status="pending") == {str(ada)}


def test_dates_bound_the_list(
    api: Client, conn: Connection, organisation: UUID, manager: UUID, ticket_type: UUID
) -> None:
    days = [NOW - timedelta(days=age) for age in (3, 2, 1)]
    ids = [factories.order(conn, ticket_type, id=first_id(day), created_at=day) for day in days]

    between = listed(
        api, organisation, manager, **{"from": days[1].isoformat(), "to": (days[2] - timedelta(hours=1)).isoformat()}
    )

    assert between == [str(ids[1])]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"cursor": "nonsense"},
        {"cursor": "WyJ4Il0"},
        {"status": "lost"},
        {"from": "yesterday"},
        {"event_id": "1"},
        {"email": "no email"},
    ],
    ids=repr,
)
def test_a_bad_filter_is_refused(api: Client, organisation: UUID, manager: UUID, query: dict[str, Any]) -> None:
    assert api.get(f"/v1/organisations/{organisation}/orders", account=manager, query=query).status == 422


def test_scanners_may_not_and_strangers_see_nothing(api: Client, conn: Connection, organisation: UUID) -> None:
    scanner = factories.member(conn, organisation, "scanner")
    path = f"/v1/organisations/{organisation}/orders"

    assert api.get(path, account=scanner).status == 403
    assert api.get(path, account=factories.account(conn)).status == 404
    assert api.get(path).status == 401


def test_my_orders_are_those_of_my_account(api: Client, conn: Connection, ticket_type: UUID) -> None:
    me = factories.account(conn)
    mine = [factories.order(conn, ticket_type, account_id=me) for _ in range(2)]
    factories.order(conn, ticket_type)

    answer = api.get("/v1/me/orders", account=me)

    assert [order["id"] for order in answer.json["items"]] == [str(order) for order in reversed(mine)]
    assert answer.json["next_cursor"] is None
