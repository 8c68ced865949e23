"""The job and the worker of the outbox, with a queue and a database of the test's own."""

import pytest

from boxoffice import config


@pytest.fixture(autouse=True)
def _configured(database, email_queue, monkeypatch):
    monkeypatch.setenv("EMAIL_QUEUE_URL", email_queue)
    config.settings.cache_clear()
