"""An organisation with its owner, and a receiver that its endpoint leads to."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories
from tests.helpers.receivers import Receiver, receiver
from tests.helpers.support import Client


@pytest.fixture
def owner(api: Client, conn: Connection) -> UUID:
    return factories.account(conn)


@pytest.fixture
def organisation(conn: Connection, owner: UUID) -> UUID:
    return factories.organisation(conn, owner=owner)


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as own:
        yield own


@pytest.fixture
def endpoint(conn: Connection, organisation: UUID, shop: Receiver) -> UUID:
    return factories.webhook_endpoint(conn, organisation, url=shop.url)
