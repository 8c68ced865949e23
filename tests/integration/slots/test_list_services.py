"""GET /v1/services"""

from typing import Any

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.support import Answer
from tests.integration.slots.conftest import Cloakroom


def listed(cloakroom: Cloakroom, **query: Any) -> Answer:
    query = {"organisation_id": cloakroom.organisation, **query}
    return cloakroom.api.get("/v1/services", account=cloakroom.scanner, query=query)


def test_pages_have_all_places_of_the_organisation_and_no_others(cloakroom: Cloakroom, conn: Connection) -> None:
    places = [str(cloakroom.id)]
    places += [str(factories.place(conn, organisation_id=cloakroom.organisation, capacity=1)) for _ in range(4)]
    factories.place(conn)

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = listed(cloakroom, limit=2, **cursor).json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == places


def test_the_list_can_be_of_one_event(cloakroom: Cloakroom, conn: Connection) -> None:
    event = factories.event(conn, organisation_id=cloakroom.organisation)
    place = factories.place(conn, organisation_id=cloakroom.organisation, event_id=event)

    assert [item["id"] for item in listed(cloakroom, event_id=event).json["items"]] == [str(place)]
    assert listed(cloakroom, event_id=new_id()).json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"event_id": "7"}])
def test_an_invalid_query_is_refused(cloakroom: Cloakroom, query: dict[str, Any]) -> None:
    assert listed(cloakroom, **query).code == "invalid"


def test_only_members_of_the_organisation_see_the_list(cloakroom: Cloakroom, conn: Connection) -> None:
    assert cloakroom.api.get("/v1/services", account=cloakroom.scanner).code == "invalid"
    assert listed(cloakroom, organisation_id=new_id()).status == 404
    assert listed(cloakroom, organisation_id=factories.organisation(conn)).status == 404
