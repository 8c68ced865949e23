"""GET /v1/services/{service_id}/slots"""

import base64
import json
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.integration.slots.conftest import Cloakroom


def test_a_taken_slot_shows_its_customer_and_since_when(cloakroom: Cloakroom) -> None:
    claim = cloakroom.claim(note="a hat").json

    first, second, *_ = cloakroom.slots()

    assert (first["number"], first["state"]) == (1, "taken")
    assert first["claim"] == {name: claim[name] for name in ("id", "claimed_at", "note", "customer")}
    assert second == {"number": 2, "state": "free", "claim": None}


def test_the_list_can_be_of_one_state(cloakroom: Cloakroom) -> None:
    for _ in range(3):
        cloakroom.claim()

    assert [slot["number"] for slot in cloakroom.slots(state="taken")] == [1, 2, 3]
    assert [slot["number"] for slot in cloakroom.slots(state="free")] == [4, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize("state", [{}, {"state": "free"}, {"state": "taken"}])
def test_pages_have_each_slot_once(cloakroom: Cloakroom, state: dict[str, str]) -> None:
    for _ in range(5):
        cloakroom.claim()
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 3, **state}
    while True:
        page = cloakroom.api.get(f"{cloakroom.path}/slots", account=cloakroom.scanner, query=query).json
        seen += [slot["number"] for slot in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == {"free": [6, 7, 8, 9, 10], "taken": [1, 2, 3, 4, 5]}.get(state.get("state", ""), [*range(1, 11)])


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    "query",
    [
        {"state": "withdrawn"},
        {"limit": 0},
        {"cursor": "x"},
        {"cursor": cursor("-1")},
        {"cursor": cursor(7)},
        {"cursor": cursor("9999999999")},
        {"cursor": cursor("1", "2")},
        {"cursor": cursor("1.5")},
    ],
)
def test_an_invalid_query_is_refused(cloakroom: Cloakroom, query: dict[str, Any]) -> None:
    answer = cloakroom.api.get(f"{cloakroom.path}/slots", account=cloakroom.scanner, query=query)

    assert (answer.status, answer.code) == (422, "invalid")


def test_scanners_see_customers_masked_and_managers_whole(cloakroom: Cloakroom) -> None:
    cloakroom.claim(customer={"email": "ada.obi@example.com"})
    cloakroom.claim(customer={"phone": "+2348012345678"})

    def contacts(account: UUID) -> list[tuple[str | None, str | None]]:
        answer = cloakroom.api.get(f"{cloakroom.path}/slots", account=account, query={"state": "taken"})
        return [
            (slot["claim"]["customer"]["email"], slot["claim"]["customer"]["phone"]) for slot in answer.json["items"]
        ]

    assert contacts(cloakroom.scanner) == [("a…@example.com", None), (None, "…678")]
    assert contacts(cloakroom.manager) == [("ada.obi@example.com", None), (None, "+2348012345678")]


def test_only_members_see_them(cloakroom: Cloakroom, conn: Connection) -> None:
    assert cloakroom.api.get(f"{cloakroom.path}/slots").status == 401
    assert cloakroom.api.get(f"{cloakroom.path}/slots", account=factories.account(conn)).status == 404
    assert cloakroom.api.get(f"/v1/services/{new_id()}/slots", account=cloakroom.scanner).status == 404
