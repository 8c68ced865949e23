"""GET /v1/services/{service_id}"""

from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.integration.slots.conftest import Cloakroom


def test_members_see_it(cloakroom: Cloakroom) -> None:
    answer = cloakroom.api.get(cloakroom.path, account=cloakroom.scanner)

    assert answer.status == 200
    assert answer.version == 1
    assert (answer.json["id"], answer.json["capacity"]) == (str(cloakroom.id), 10)


def test_nobody_else_does(cloakroom: Cloakroom, conn: Connection) -> None:
    assert cloakroom.api.get(cloakroom.path).status == 401
    assert cloakroom.api.get(cloakroom.path, account=factories.account(conn)).status == 404
    assert cloakroom.api.get(f"/v1/services/{new_id()}", account=cloakroom.scanner).status == 404
