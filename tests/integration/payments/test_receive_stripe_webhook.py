"""POST /v1/webhooks/stripe: which webhooks are accepted and readable. What events do is in test_stripe.py."""

import json
import time
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.api import MAX_BODY
from tests.helpers import factories
from tests.helpers.payers import sign_as_stripe
from tests.helpers.provider_servers import send_webhook
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client

PATH = "/v1/webhooks/stripe"


@pytest.fixture
def event(api: Client, conn: Connection) -> dict[str, Any]:
    """Return an event that would pay an order."""
    payment = factories.payment(conn, factories.order(conn, factories.ticket_type(conn)), provider="stripe")
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 10_000,
        "currency": "ngn",
        "metadata": {"payment_id": str(payment)},
    }
    return {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": intent}}


def test_an_event_pays_the_order(api: Client, event: dict[str, Any]) -> None:
    assert send_webhook(api, "stripe", event).json == {"event_id": "evt_1", "effect": "paid"}


@pytest.mark.parametrize("age", [0, 290, -290])
def test_a_signature_is_valid_for_five_minutes(api: Client, event: dict[str, Any], age: int) -> None:
    body = json.dumps(event).encode()

    assert api.post(PATH, body, headers=sign_as_stripe(body, at=time.time() - age)).status == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1,v1=",
        "v1=abc",
        "t=now,v1=abc",
        "t=9999999999,v1=é",
        "t=" + "9" * 5000 + ",v1=abc",
        ",,,",
        "t=1=2,v1=3=4=5",
    ],
)
def test_any_other_signature_is_refused(
    api: Client, conn: Connection, event: dict[str, Any], header: str | None
) -> None:
    before = snapshot(conn)
    headers = {} if header is None else {"Stripe-Signature": header}

    answer = api.post(PATH, json.dumps(event).encode(), headers=headers)

    assert (answer.status, answer.code) == (401, "signature_wrong")
    assert answer.headers["content-type"] == "application/problem+json"
    assert snapshot(conn) == before


def test_an_old_signature_and_one_of_another_body_or_secret_are_refused(api: Client, event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    for headers in (
        sign_as_stripe(body, at=time.time() - 310),
        sign_as_stripe(body + b" "),
        sign_as_stripe(body, secret="another"),
    ):
        assert api.post(PATH, body, headers=headers).code == "signature_wrong"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe", b"[" * 50_000, b'{"id": "evt_1"}', b'{"id": NaN}', b"9" * 5000],
)
def test_a_body_that_cannot_be_read_is_malformed(api: Client, conn: Connection, body: bytes) -> None:
    before = snapshot(conn)

    answer = api.post(PATH, body, headers=sign_as_stripe(body))

    assert (answer.status, answer.code) == (400, "malformed")
    assert snapshot(conn) == before


def test_no_value_of_a_field_makes_the_server_fail(
    api: Client, conn: Connection, event: dict[str, Any], subtests: pytest.Subtests
) -> None:
    places = [("id",), ("type",), ("data",), ("data", "object")]
    places += [("data", "object", name) for name in ("id", "amount", "currency", "status", "metadata")]
    for place in places:
        for instead in (None, "", "\u0000", "\ud800", -1, 10**40, 1.5, True, [], {}, "x" * 5000):
            with subtests.test(place=place, instead=instead):
                answer = send_webhook(api, "stripe", replaced(event, place, instead))
                assert answer.status in (200, 400), answer.body
                assert conn.execute("SELECT count(*) FROM incoming_payments").fetchone() == (0,)


def replaced(event: dict[str, Any], place: tuple[str, ...], instead: Any) -> dict[str, Any]:
    """Return the event with another value in one place."""
    first, *rest = place
    return {**event, first: replaced(event[first], tuple(rest), instead) if rest else instead}


def test_events_about_other_things_are_stored_and_ignored(api: Client, conn: Connection) -> None:
    answer = send_webhook(
        api, "stripe", {"id": "evt_9", "type": "customer.created", "data": {"object": {"id": "cus_1"}}}
    )

    assert answer.json == {"event_id": "evt_9", "effect": "ignored"}
    assert conn.execute("SELECT kind, payment_id FROM provider_events").fetchall() == [("other", None)]


def test_a_body_that_is_too_large(api: Client) -> None:
    assert api.post(PATH, b" " * (MAX_BODY + 1)).status == 413


def test_a_wrong_amount_goes_back(api: Client, conn: Connection, event: dict[str, Any]) -> None:
    event["data"]["object"]["amount_received"] = 1

    assert send_webhook(api, "stripe", event).json["effect"] == "returned"
    assert conn.execute("SELECT amount, status FROM refunds").fetchall() == [(1, "owed")]
    assert isinstance(conn.execute("SELECT payment_id FROM incoming_payments").fetchall()[0][0], UUID)
