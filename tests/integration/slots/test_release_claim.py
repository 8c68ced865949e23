"""POST /v1/claims/{claim_id}/release"""

from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories, invariants
from tests.helpers.snapshots import snapshot
from tests.integration.slots.conftest import Cloakroom


def test_the_slot_is_free_at_once(cloakroom: Cloakroom, conn: Connection) -> None:
    claim = cloakroom.claim().json

    answer = cloakroom.release(claim["id"])

    assert answer.status == 200
    assert (answer.json["status"], answer.json["slot"]) == ("released", 1)
    assert cloakroom.numbers("taken") == []
    assert conn.execute("SELECT released_by FROM claims").fetchone() == (cloakroom.scanner,)
    invariants.check(conn)


def test_a_second_release_changes_nothing_even_if_the_slot_is_taken_again(
    cloakroom: Cloakroom, conn: Connection
) -> None:
    claim = cloakroom.claim().json
    first = cloakroom.release(claim["id"])
    other = cloakroom.claim().json
    before = snapshot(conn)

    again = cloakroom.release(claim["id"], account=cloakroom.manager)

    assert (again.status, again.body) == (200, first.body)
    assert snapshot(conn) == before
    assert cloakroom.scan(other["qr"]).json["status"] == "open"


def test_only_members_of_the_organisation_can_release(cloakroom: Cloakroom, conn: Connection) -> None:
    claim = cloakroom.claim().json
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)
    before = snapshot(conn)

    assert cloakroom.release(claim["id"], account=rival).status == 404
    assert cloakroom.release(new_id()).status == 404
    assert cloakroom.api.post(f"/v1/claims/{claim['id']}/release").status == 401
    assert cloakroom.release("7").code == "invalid"
    assert snapshot(conn) == before
