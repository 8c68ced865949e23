"""GET /v1/services/{service_id}/stats"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.integration.slots.conftest import Cloakroom


def test_a_place_that_nobody_has_used_yet(cloakroom: Cloakroom) -> None:
    assert cloakroom.stats() == {
        "service_id": str(cloakroom.id),
        "capacity": 10,
        "taken": 0,
        "free": 10,
        "claims_today": 0,
        "released_today": 0,
        "average_stay_seconds": None,
    }


def test_it_counts_taken_slots_and_the_claims_and_releases_of_today(cloakroom: Cloakroom, conn: Connection) -> None:
    claims = [cloakroom.claim().json for _ in range(4)]
    for claim, minutes in zip(claims[:2], (10, 21), strict=True):
        cloakroom.release(claim["id"])
        conn.execute(
            "UPDATE claims SET claimed_at = released_at - %s WHERE id = %s", [timedelta(minutes=minutes), claim["id"]]
        )

    stats = cloakroom.stats()

    assert (stats["taken"], stats["free"]) == (2, 8)
    assert stats["released_today"] == 2
    assert stats["average_stay_seconds"] == 15.5 * 60
    assert stats["claims_today"] in (2, 3, 4)  # shortly after midnight they began yesterday


def test_its_day_begins_at_midnight_in_its_time_zone(cloakroom: Cloakroom, conn: Connection) -> None:
    def set_zone(zone: str) -> datetime:
        conn.execute("UPDATE places SET time_zone = %s WHERE id = %s", [zone, cloakroom.id])
        return datetime.now(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)

    def move(claim: Any, to: datetime) -> None:
        conn.execute("UPDATE claims SET claimed_at = %s WHERE id = %s", [to, claim["id"]])

    claims = [cloakroom.claim().json for _ in range(2)]
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        midnight = set_zone(zone)
        move(claims[0], midnight)
        move(claims[1], midnight - timedelta(microseconds=1))
        assert cloakroom.stats()["claims_today"] == 1


def test_only_members_see_it(cloakroom: Cloakroom, conn: Connection) -> None:
    assert cloakroom.api.get(f"{cloakroom.path}/stats").status == 401
    assert cloakroom.api.get(f"{cloakroom.path}/stats", account=factories.account(conn)).status == 404
    assert cloakroom.api.get(f"/v1/services/{new_id()}/stats", account=cloakroom.scanner).status == 404
