"""An event with its staff, whose doors have gates."""

import pytest
from psycopg import Connection

from tests.helpers.doors import Doors, open_doors
from tests.helpers.support import Client

GATES = """[
    {"name": "North", "key": "north", "ticket_type_ids": null},
    {"name": "South", "key": "south", "ticket_type_ids": null}
]"""


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn, gates=GATES)
