"""A receiver of webhooks."""

from collections.abc import Iterator

import pytest

from tests.helpers.provider_servers import Receiver
from tests.helpers.support import Client


@pytest.fixture
def receiver(api: Client) -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver
