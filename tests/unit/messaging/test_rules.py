"""The waits between attempts, and the addresses that SES takes."""

from datetime import timedelta
from uuid import UUID

import pytest

from boxoffice.messaging import rules
from boxoffice.messaging.errors import NotOurMessage

MESSAGE = UUID("01981f6c-7b00-7a11-8c3e-5d2f40a1b007")


def test_a_record_names_its_message():
    assert rules.message_id_of(f'{{"outbox_id": "{MESSAGE}"}}') == MESSAGE


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"outbox_id": null}',
        '{"outbox_id": 7}',
        '{"outbox_id": "x"}',
        "[" * 100_000,
    ],
    ids=lambda body: body[:20],
)
def test_a_record_that_names_no_message_is_refused(body):
    with pytest.raises(NotOurMessage):
        rules.message_id_of(body)


def test_waits_grow_until_the_message_has_failed():
    waits = [rules.wait_after(attempts) for attempts in range(1, 7)]
    assert waits == [*(timedelta(minutes=minutes) for minutes in (1, 5, 25, 125)), None, None]
