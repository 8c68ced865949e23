"""Where random sales take place: the sandbox has ways to pay that take days, and queues lose what is put on them."""

from dataclasses import replace

import pytest

from boxoffice import queues
from boxoffice.payments import sandbox


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prepare the place. Forked processes inherit it."""
    monkeypatch.setattr(sandbox, "INFO", replace(sandbox.INFO, has_late_methods=True))
    monkeypatch.setattr(queues, "put", lambda _url, _bodies: [])
