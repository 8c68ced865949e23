"""The sandbox's webhooks: signed, fresh, and readable."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from boxoffice import config
from boxoffice.errors import Malformed
from boxoffice.ids import new_id
from boxoffice.payments import sandbox
from boxoffice.payments.errors import SignatureWrong
from boxoffice.payments.models import PLATFORM_MERCHANT

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
PAYMENT = new_id()
BODY = b'{"any": "thing"}'


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the key ring of SANDBOX_SECRET."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("EMAIL_QUEUE_URL", "")
    config.settings.cache_clear()
    keys = {"current": "1", "1": "the first key"}
    monkeypatch.setattr(config, "_fetch", lambda _: json.dumps(keys))
    config.forget_secrets()
    yield keys
    config.forget_secrets()
    config.settings.cache_clear()


def signature(body: bytes = BODY, now: datetime = NOW) -> str:
    return sandbox.sign(body, now)["X-Sandbox-Signature"]


def test_a_webhook_that_the_sandbox_signs_is_accepted() -> None:
    sandbox.verify(PLATFORM_MERCHANT, BODY, signature(), NOW)


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_a_signature_is_valid_for_five_minutes(age: int) -> None:
    sandbox.verify(PLATFORM_MERCHANT, BODY, signature(), NOW + timedelta(seconds=age))


@pytest.mark.parametrize("age", [-301, 301, 86400])
def test_an_older_signature_is_refused(age: int) -> None:
    with pytest.raises(SignatureWrong):
        sandbox.verify(PLATFORM_MERCHANT, BODY, signature(), NOW + timedelta(seconds=age))


def test_after_a_rotation_both_keys_are_accepted(ring: dict[str, str]) -> None:
    old = signature()
    ring |= {"current": "2", "2": "the second key"}
    config.forget_secrets()

    assert ",s=2." in signature()
    sandbox.verify(PLATFORM_MERCHANT, BODY, old, NOW)
    sandbox.verify(PLATFORM_MERCHANT, BODY, signature(), NOW)


def test_a_key_that_was_withdrawn_is_refused(ring: dict[str, str]) -> None:
    old = signature()
    ring |= {"current": "2", "2": "the second key"}
    del ring["1"]
    config.forget_secrets()

    with pytest.raises(SignatureWrong):
        sandbox.verify(PLATFORM_MERCHANT, BODY, old, NOW)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: None,
        lambda _: "",
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.replace("t=", "t=1"),
        lambda text: text.replace("s=1.", "s=2."),
        lambda text: text.replace("s=1.", "s=."),
        lambda text: text.partition(",")[2],
        lambda text: text.partition(",")[0],
        lambda text: text + "\n",
        lambda text: text.replace("t=", "t=٣"),
        lambda text: text + "é",
    ],
)
def test_a_changed_signature_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(SignatureWrong):
        sandbox.verify(PLATFORM_MERCHANT, BODY, spoil(signature()), NOW)


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b" ", BODY.replace(b"any", b"some"), b"\xff"])
def test_the_signature_covers_every_byte_of_the_body(body: bytes) -> None:
    with pytest.raises(SignatureWrong):
        sandbox.verify(PLATFORM_MERCHANT, body, signature(), NOW)


def test_an_event_has_the_fields_that_it_was_made_of() -> None:
    body, headers = sandbox.signed_event(str(PAYMENT), "payment.failed", 5000, "NGN", "evt_7")

    sandbox.verify(PLATFORM_MERCHANT, body, headers["X-Sandbox-Signature"], datetime.now(UTC))
    event = sandbox.parse(PLATFORM_MERCHANT, body)
    assert (event.id, event.kind, event.payment_id) == ("evt_7", "failed", PAYMENT)
    assert (event.amount, event.currency) == (5000, "NGN")


def test_events_without_an_id_get_one_of_their_own() -> None:
    first, second = (sandbox.signed_event(str(PAYMENT), "payment.succeeded", 1, "NGN")[0] for _ in range(2))

    assert sandbox.parse(PLATFORM_MERCHANT, first).id != sandbox.parse(PLATFORM_MERCHANT, second).id


VALID = {"id": "evt_1", "type": "payment.succeeded", "payment_id": str(PAYMENT), "amount": 5000, "currency": "NGN"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "evt 1"},
        {"id": "evt\u0000"},
        {"id": "e" * 101},
        {"type": "payment.maybe"},
        {"payment_id": "x"},
        {"amount": 0},
        {"amount": -1},
        {"amount": 1.5},
        {"amount": "5000"},
        {"amount": 10**30},
        {"currency": "ngn"},
        {"currency": "XYZ"},
        {"currency": None},
        {"more": 1},
    ],
)
def test_an_event_with_impossible_values_is_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        sandbox.parse(PLATFORM_MERCHANT, json.dumps(VALID | wrong).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        sandbox.parse(PLATFORM_MERCHANT, body)
