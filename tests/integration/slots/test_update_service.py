"""PATCH /v1/services/{service_id}"""

import random
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.errors import LockNotAvailable

from boxoffice import db
from boxoffice.auth import Caller, Who
from boxoffice.ids import new_id
from boxoffice.slots import service
from boxoffice.slots.models import PlacePatch
from tests.helpers import factories, invariants
from tests.helpers.audit import only_entry
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Database
from tests.integration.slots.conftest import Cloakroom


def test_it_changes_the_fields_that_the_request_has_and_no_others(cloakroom: Cloakroom, conn: Connection) -> None:
    before = cloakroom.api.get(cloakroom.path, account=cloakroom.scanner).json

    answer = cloakroom.api.patch(cloakroom.path, {"name": "Hats"}, account=cloakroom.manager)

    assert answer.status == 200
    assert answer.version == 2
    assert answer.json == {**before, "name": "Hats", "version": 2}
    entry = only_entry(conn)
    assert (entry.actor, entry.action) == (cloakroom.manager, "update_service")
    assert entry.details == {"before": {"name": before["name"]}, "after": {"name": "Hats"}}


def test_it_grows_and_shrinks(cloakroom: Cloakroom, conn: Connection) -> None:
    for capacity in (12, 3, 0, 7):
        assert cloakroom.resize(capacity).json["capacity"] == capacity
        assert cloakroom.numbers() == list(range(1, capacity + 1))
        invariants.check(conn)


def test_it_shrinks_to_the_taken_slots_and_no_further(cloakroom: Cloakroom, conn: Connection) -> None:
    for _ in range(4):
        cloakroom.claim()
    before = snapshot(conn)

    refused = cloakroom.resize(3)

    assert (refused.status, refused.code) == (409, "capacity_too_low")
    assert snapshot(conn) == before
    assert cloakroom.resize(4).status == 200
    assert cloakroom.claim().code == "service_full"
    invariants.check(conn)


def test_a_slot_above_the_capacity_is_kept_until_its_claim_is_released(cloakroom: Cloakroom, conn: Connection) -> None:
    claims = [cloakroom.claim().json for _ in range(6)]
    for claim in claims[:4]:
        cloakroom.release(claim["id"])

    assert cloakroom.resize(3).status == 200
    assert cloakroom.numbers() == [1, 5, 6]
    assert [cloakroom.scan(claim["qr"]).json["status"] for claim in claims[4:]] == ["open", "open"]
    invariants.check(conn)

    cloakroom.release(claims[5]["id"])
    assert cloakroom.numbers() == [1, 2, 5]
    assert cloakroom.numbers("free") == [1, 2]
    cloakroom.release(claims[4]["id"])
    assert cloakroom.numbers() == [1, 2, 3]
    invariants.check(conn)


def test_the_first_slot_above_the_capacity_is_withdrawn_when_it_is_released(
    cloakroom: Cloakroom, conn: Connection
) -> None:
    claims = [cloakroom.claim().json for _ in range(2)]
    cloakroom.release(claims[0]["id"])
    assert cloakroom.resize(1).status == 200

    cloakroom.release(claims[1]["id"])

    assert cloakroom.numbers() == [1]
    assert [cloakroom.claim().status for _ in range(2)] == [201, 409]
    invariants.check(conn)


def test_the_capacity_stays_as_it_is_while_a_claim_is_released(
    cloakroom: Cloakroom, database: Database, conn: Connection
) -> None:
    claim = cloakroom.claim().json
    manager = Caller(Who.MANAGER, cloakroom.manager)
    with conn.transaction(), db.Connection.connect(database.api_url, options="-c lock_timeout=100ms") as other:
        service.release_claim(conn, Caller(Who.SCANNER, cloakroom.scanner), UUID(claim["id"]))
        with pytest.raises(LockNotAvailable):
            service.update_place(other, manager, cloakroom.id, PlacePatch(capacity=20), None)
    invariants.check(conn)


def test_in_any_order_of_edits_the_numbers_end_as_one_to_the_capacity(cloakroom: Cloakroom, conn: Connection) -> None:
    choice = random.Random(7)
    open_claims: list[str] = []
    for _ in range(150):
        match choice.choice(["claim", "claim", "release", "resize"]):
            case "claim":
                answer = cloakroom.claim()
                assert answer.status == 201 or answer.code == "service_full"
                open_claims += [answer.json["id"]] if answer.status == 201 else []
            case "release" if open_claims:
                cloakroom.release(open_claims.pop(choice.randrange(len(open_claims))))
            case "resize":
                answer = cloakroom.resize(capacity := choice.randint(0, 20))
                assert (answer.status == 200) is (capacity >= len(open_claims))
    invariants.check(conn)

    for claim in open_claims:
        cloakroom.release(claim)

    capacity = cloakroom.stats()["capacity"]
    assert cloakroom.numbers("free") == list(range(1, capacity + 1))
    invariants.check(conn)


def test_a_stale_version_is_refused(cloakroom: Cloakroom, conn: Connection) -> None:
    def rename(if_match: str) -> Any:
        headers = {"If-Match": if_match}
        return cloakroom.api.patch(cloakroom.path, {"name": "Hats"}, account=cloakroom.manager, headers=headers)

    assert rename('"1"').status == 200
    before = snapshot(conn)
    for stale in ('"1"', '"3"', "nonsense", '""'):
        assert (rename(stale).status, rename(stale).code) == (412, "stale_version")
    assert snapshot(conn) == before
    assert rename('"2"').status == 200
    assert rename("*").status == 200


REFUSED: list[dict[str, Any]] = [
    {"name": ""},
    {"name": None},
    {"capacity": None},
    {"capacity": -1},
    {"capacity": 50_001},
    {"capacity": "3"},
    {"time_zone": "Lagos"},
    {"time_zone": None},
    {"organisation_id": str(new_id())},
    {"event_id": str(new_id())},
    {"version": 7},
]


def test_an_invalid_edit_is_refused_and_changes_nothing(
    cloakroom: Cloakroom, conn: Connection, subtests: pytest.Subtests
) -> None:
    before = snapshot(conn)
    for changes in REFUSED:
        with subtests.test(changes=changes):
            answer = cloakroom.api.patch(cloakroom.path, changes, account=cloakroom.manager)
            assert (answer.status, answer.code) == (422, "invalid"), answer.body
    assert snapshot(conn) == before


def test_only_managers_of_the_organisation_can_edit(cloakroom: Cloakroom, conn: Connection) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    def rename(account: Any, path: str = cloakroom.path) -> int:
        return cloakroom.api.patch(path, {"name": "Mine"}, account=account).status

    assert rename(None) == 401
    assert rename(rival) == 404
    assert rename(cloakroom.scanner) == 403
    assert rename(cloakroom.manager, f"/v1/services/{new_id()}") == 404
    assert snapshot(conn) == before
