"""Organisations with an account of their own at a provider; accounts that are not set up; secrets that change."""

import json
from collections.abc import Callable, Iterator
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from boxoffice import config
from boxoffice.payments import providers
from boxoffice.payments.models import PLATFORM_MERCHANT
from boxoffice.provider_names import StartableProvider
from tests.helpers import factories, invariants
from tests.helpers.payers import ACCOUNTS_AT_PROVIDERS, prove, sign_as_stripe, start, started, status_of
from tests.helpers.provider_servers import Stripe, put_account, read_account, send_webhook
from tests.helpers.support import Answer, Client

OURS = ACCOUNTS_AT_PROVIDERS["stripe"]["webhook_secret"]


@pytest.fixture
def organisation(api: Client, conn: Connection) -> UUID:
    return factories.organisation(conn)


@pytest.fixture
def order(conn: Connection, organisation: UUID) -> UUID:
    event = factories.event(conn, organisation_id=organisation)
    return factories.order(conn, factories.ticket_type(conn, event_id=event))


def bring(organisation: UUID, provider: str, **account: str) -> None:
    """Give an organisation an account of its own."""
    put_account(f"boxoffice/local/organisations/{organisation}/{provider}", account)


def receive(api: Client, event: dict[str, Any], secret: str, **query: object) -> Answer:
    body = json.dumps(event).encode()
    return api.post("/v1/webhooks/stripe", body, headers=sign_as_stripe(body, secret), query=query)


def succeeded(payment: dict[str, Any]) -> dict[str, Any]:
    intent = {
        "id": payment["client_secret"].partition("_secret_")[0],
        "object": "payment_intent",
        "status": "succeeded",
        "amount": payment["amount"],
        "currency": payment["currency"].lower(),
        "metadata": {"payment_id": payment["id"]},
    }
    return {"id": f"evt_{uuid4().hex}", "type": "payment_intent.succeeded", "data": {"object": intent}}


def test_its_payments_go_through_its_own_account(
    stripe: Stripe, api: Client, conn: Connection, organisation: UUID, order: UUID
) -> None:
    bring(organisation, "stripe", secret_key="sk_own", publishable_key="pk_own", webhook_secret="own", url=stripe.url)

    payment = started(api, order, "stripe")

    assert payment["publishable_key"] == "pk_own"
    assert conn.execute("SELECT merchant_id FROM payments").fetchone() == (organisation,)
    assert receive(api, succeeded(payment), "own", organisation=organisation).json["effect"] == "paid"
    assert status_of(conn, payment) == ("succeeded", "paid")
    invariants.check(conn)


def test_its_webhooks_cannot_name_payments_of_others(
    stripe: Stripe, api: Client, conn: Connection, organisation: UUID, order: UUID
) -> None:
    thief = factories.organisation(conn)
    bring(thief, "stripe", secret_key="sk_thief", publishable_key="pk", webhook_secret="thief", url=stripe.url)
    payment = started(api, order, "stripe")
    event = succeeded(payment)

    assert receive(api, event, "thief", organisation=thief).json["effect"] == "unknown_payment"
    assert receive(api, event, "thief").code == "signature_wrong"
    assert receive(api, event, "thief", organisation=organisation).code == "signature_wrong"
    assert status_of(conn, payment) == ("pending", "pending")
    assert receive(api, event, OURS).json["effect"] == "paid", "its name is not taken by the thief's"
    invariants.check(conn)


def test_its_webhooks_cannot_name_orders_of_others(api: Client, conn: Connection, order: UUID) -> None:
    thief = factories.organisation(conn)
    bring(thief, "generic", webhook_secret="thief")

    answer = api.post(
        "/v1/webhooks/generic",
        {"order": str(order), "status": "PAID"},
        headers={"X-Webhook-Secret": "thief"},
        query={"organisation": thief},
    )

    assert answer.json["effect"] == "unknown_payment"
    assert conn.execute("SELECT count(*) FROM payments").fetchone() == (0,)


def test_a_payment_keeps_the_account_it_was_made_with(
    stripe: Stripe, api: Client, conn: Connection, organisation: UUID, order: UUID
) -> None:
    payment = started(api, order, "stripe")
    bring(organisation, "stripe", secret_key="sk_own", publishable_key="pk", webhook_secret="own", url=stripe.url)

    assert conn.execute("SELECT merchant_id FROM payments").fetchone() == (PLATFORM_MERCHANT,)
    assert receive(api, succeeded(payment), OURS).json["effect"] == "paid"


def test_a_secret_that_cannot_be_read_does_not_keep_others_from_their_money(
    stripe: Stripe,
    api: Client,
    conn: Connection,
    organisation: UUID,
    order: UUID,
    reconcile: Callable[[], dict[str, Any]],
) -> None:
    bring(organisation, "stripe", secret_key="sk_own", publishable_key="pk", webhook_secret="own", url=stripe.url)
    ours = started(api, order, "stripe")
    other = started(api, factories.order(conn, factories.ticket_type(conn)), "stripe")
    for payment in (ours, other):
        stripe.pay(payment)
    name = f"boxoffice/local/organisations/{organisation}/stripe"
    account = read_account(name)
    put_account(name, ["no", "fields"])  # type: ignore[arg-type]

    reconcile()

    assert [status_of(conn, payment)[0] for payment in (ours, other)] == ["pending", "succeeded"]
    put_account(name, account)
    reconcile()
    assert status_of(conn, ours) == ("succeeded", "paid")


@pytest.mark.parametrize("provider", ACCOUNTS_AT_PROVIDERS)
def test_a_webhook_of_an_organisation_without_an_account_is_refused(api: Client, provider: str) -> None:
    answer = send_webhook(api, provider, {"id": "evt_1"}, organisation=uuid4())

    assert (answer.status, answer.code) == (401, "signature_wrong")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the secrets that were asked for, in order."""
    ids: list[str] = []
    fetch = config._fetch

    def noted(secret_id: str) -> str:
        ids.append(secret_id)
        return fetch(secret_id)

    monkeypatch.setattr(config, "_fetch", noted)
    return ids


@pytest.mark.parametrize("provider", sorted({*ACCOUNTS_AT_PROVIDERS} - {"sandbox"}))
def test_webhooks_that_name_invented_organisations_ask_for_no_secret(
    api: Client, conn: Connection, organisation: UUID, asked: list[str], provider: str
) -> None:
    started_with = dict(config._secrets)

    answers = {send_webhook(api, provider, {"id": "evt_1"}, organisation=uuid4()).code for _ in range(20)}
    real = {send_webhook(api, provider, {"id": "evt_1"}, organisation=organisation).code for _ in range(5)}

    assert answers == real == {"signature_wrong"}
    assert asked == [f"boxoffice/local/organisations/{organisation}/{provider}"], "once, and it is remembered"
    assert started_with.items() <= config._secrets.items()


@pytest.mark.parametrize("provider", ACCOUNTS_AT_PROVIDERS)
def test_an_organisation_that_is_no_id_is_invalid(api: Client, provider: str) -> None:
    assert (send_webhook(api, provider, {}, organisation="ours").status) == 422


class TestNotSetUp:
    """The template creates the secrets empty."""

    @pytest.fixture(autouse=True)
    def empty(self, api: Client) -> Any:
        for name, account in ACCOUNTS_AT_PROVIDERS.items():
            put_account(name, dict.fromkeys(account, ""))
        yield
        for name, account in ACCOUNTS_AT_PROVIDERS.items():
            put_account(name, account)

    @pytest.mark.parametrize("provider", sorted({*ACCOUNTS_AT_PROVIDERS} & {*get_args(StartableProvider.__value__)}))
    def test_nothing_can_be_paid(self, api: Client, conn: Connection, order: UUID, provider: str) -> None:
        assert start(api, order, provider=provider).status == 503

    def test_an_empty_secret_proves_no_webhook(self, api: Client, conn: Connection, order: UUID) -> None:
        body = b'{"id": "evt_1", "type": "x", "data": {"object": {}}}'
        for provider in ACCOUNTS_AT_PROVIDERS:
            headers = sign_as_stripe(body, "") if provider == "stripe" else dict.fromkeys(prove(provider, body), "")
            for proof in (headers, {}):
                assert api.post(f"/v1/webhooks/{provider}", body, headers=proof).status == 503
        assert conn.execute("SELECT count(*) FROM provider_events").fetchone() == (0,)


def test_a_secret_that_was_changed_is_noticed_at_once(
    api: Client, conn: Connection, order: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"order": str(order), "status": "PAID"}
    assert api.post("/v1/webhooks/generic", body, headers={"X-Webhook-Secret": "the new one"}).status == 401
    put = dict(config._secrets)
    put_account("generic", {"webhook_secret": "the new one"})
    config._secrets.update({name: (read_at - 11, value) for name, (read_at, value) in put.items()})

    answer = api.post("/v1/webhooks/generic", body, headers={"X-Webhook-Secret": "the new one"})

    put_account("generic", ACCOUNTS_AT_PROVIDERS["generic"])
    assert answer.json["effect"] == "paid"
    invariants.check(conn)


@pytest.fixture
def changed(api: Client) -> Iterator[Callable[[str], dict[str, str]]]:
    """Return a function that changes the webhook secret of a provider's account, and returns the account before."""
    before = {name: dict(account) for name, account in ACCOUNTS_AT_PROVIDERS.items()}

    def change(provider: str) -> dict[str, str]:
        account = read_account(provider)
        put_account(provider, {**account, "webhook_secret": "new", "former_webhook_secret": account["webhook_secret"]})
        return account

    yield change
    for name, account in before.items():
        put_account(name, account)


@pytest.mark.parametrize("provider", ACCOUNTS_AT_PROVIDERS)
class TestAChangeOfTheWebhookSecret:
    """Without a deployment, and without a webhook that is lost."""

    def test_both_secrets_prove_webhooks_until_the_former_is_taken_out(
        self, api: Client, order: UUID, provider: str, changed: Callable[[str], dict[str, str]]
    ) -> None:
        body = b'{"no": "event of ours"}'
        account = changed(provider)
        old, new = account["webhook_secret"], "new"

        both = [refused_as_wrong(api, provider, body, secret) for secret in (old, new, "another", "")]
        put_account(provider, {**account, "webhook_secret": new})
        one = [refused_as_wrong(api, provider, body, secret) for secret in (old, new, "another", "")]

        assert both == [False, False, True, True]
        assert one == [True, False, True, True]

    def test_an_empty_former_secret_proves_nothing(
        self, api: Client, order: UUID, provider: str, changed: Callable[[str], dict[str, str]]
    ) -> None:
        account = changed(provider)
        put_account(provider, {**account, "former_webhook_secret": ""})

        assert refused_as_wrong(api, provider, b"{}", "")


def refused_as_wrong(api: Client, provider: str, body: bytes, secret: str) -> bool:
    """Return True if a webhook that a secret proves is refused for its proof."""
    header = providers.load(provider).INFO.webhook_header
    headers = sign_as_stripe(body, secret) if provider == "stripe" else {header: secret}
    answer = api.post(f"/v1/webhooks/{provider}", body, headers=headers)
    return answer.status == 401 and answer.code == "signature_wrong"


@pytest.mark.parametrize("provider", ACCOUNTS_AT_PROVIDERS)
def test_webhooks_of_a_provider_that_is_not_enabled_are_refused(
    api: Client, order: UUID, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDERS", "sandbox")
    config.settings.cache_clear()

    assert (send_webhook(api, provider, {}).status, send_webhook(api, provider, {}).code) == (
        422,
        "provider_not_enabled",
    )
