"""The fixture `doors`: an event with its staff."""

import pytest
from psycopg import Connection

from tests.helpers.doors import Doors, open_doors
from tests.helpers.support import Client


@pytest.fixture
def doors(api: Client, conn: Connection) -> Doors:
    return open_doors(api, conn)
