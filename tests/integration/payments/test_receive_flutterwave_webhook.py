"""POST /v1/webhooks/flutterwave: which webhooks are accepted and readable. The rest is in test_flutterwave.py."""

import pytest
from psycopg import Connection

from boxoffice.api import MAX_BODY
from tests.helpers.payers import prove
from tests.helpers.provider_servers import Flutterwave, send_webhook
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client

PATH = "/v1/webhooks/flutterwave"
PROOF = prove("flutterwave", b"")
HASH = PROOF["verif-hash"]
EVENT = {"event": "charge.completed", "data": {"id": 285959875, "status": "successful"}}


@pytest.mark.parametrize("shown", [None, "", "hash", f"{HASH} ", "é"])
def test_without_the_hash_flutterwave_is_not_asked(api: Client, conn: Connection, shown: str | None) -> None:
    before = snapshot(conn)

    answer = api.post(PATH, EVENT, headers={} if shown is None else {"verif-hash": shown})

    assert (answer.status, answer.code) == (401, "signature_wrong")
    assert snapshot(conn) == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b"{}", b'{"event": "charge.completed"}']
)
def test_a_body_that_cannot_be_read_is_malformed(api: Client, conn: Connection, body: bytes) -> None:
    before = snapshot(conn)

    answer = api.post(PATH, body, headers=PROOF)

    assert (answer.status, answer.code) == (400, "malformed")
    assert snapshot(conn) == before


def test_no_value_of_a_field_makes_the_server_fail(
    flutterwave: Flutterwave, api: Client, conn: Connection, subtests: pytest.Subtests
) -> None:
    for instead in (None, "", "\u0000", "\ud800", -1, 10**40, 1.5, True, [], {}, "../../refunds"):
        for wrong in ({"event": instead}, {"data": instead}, {"data": {"id": instead}}):
            with subtests.test(wrong=wrong):
                answer = send_webhook(api, "flutterwave", {**EVENT, **wrong})
                assert answer.status in (200, 400), answer.body
    assert conn.execute("SELECT count(*) FROM incoming_payments").fetchone() == (0,)
    assert flutterwave.take_requests() == []


def test_events_about_other_things_are_stored_and_ignored(api: Client, conn: Connection) -> None:
    answer = send_webhook(api, "flutterwave", {"event": "transfer.completed", "data": {"id": 7}})

    assert answer.json == {"event_id": "transfer.completed:7", "effect": "ignored"}


def test_a_body_that_is_too_large(api: Client) -> None:
    assert api.post(PATH, b" " * (MAX_BODY + 1)).status == 413
