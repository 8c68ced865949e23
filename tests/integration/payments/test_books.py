"""Whatever happens to money is in the books at once, and once. The amounts are worked out by hand."""

import json
from typing import Any
from uuid import UUID

import pytest

from boxoffice import db
from boxoffice.ledger import service as ledger
from boxoffice.payments import books, sending, service
from boxoffice.payments.models import ProviderEvent, RefundAttempt, RefundState
from tests.helpers import factories, invariants, sellers
from tests.helpers.payers import prove, started, tell
from tests.helpers.sellers import Shop
from tests.helpers.support import Client


@pytest.fixture
def shop(conn: db.Connection) -> Shop:
    """An organisation of which the platform keeps 2.5 % and NGN 1.00 of each ticket."""
    shop = Shop(conn)
    factories.fee_terms(conn, shop.organisation)
    return shop


@pytest.fixture
def order(api: Client, conn: db.Connection, shop: Shop) -> UUID:
    """Two tickets for 50.00 and one for 60.00 of another event: 160.00, with fees of 4.50 and 2.50."""
    other = factories.event(conn, organisation_id=shop.organisation)
    types = (shop.ticket_type(price=5000), 2), (shop.ticket_type(price=6000, event_id=other), 1)
    items = [{"ticket_type_id": str(ticket_type), "quantity": quantity} for ticket_type, quantity in types]
    answer = api.post("/v1/orders", factories.order_request(types[0][0], items=items), key="new")
    assert answer.status == 201, answer.body
    return UUID(answer.json["id"])


def balances(conn: db.Connection, shop: Shop, holder: str = "platform") -> dict[str, int]:
    found = ledger.list_balances(conn, shop.organisation)
    return {balance.account: balance.amount for balance in found if balance.holder == holder}


def posted(conn: db.Connection) -> list[tuple[str, int]]:
    """Return the transfers of the last posting, by kind and event."""
    return conn.execute(
        """SELECT kind, amount FROM ledger_transfers WHERE (source_id, posting_no) = (
            SELECT source_id, posting_no FROM ledger_transfers ORDER BY id DESC LIMIT 1) ORDER BY kind, amount"""
    ).fetchall()


def answered(conn: db.Connection, answer: RefundState) -> None:
    """Let the provider answer about the refund."""
    conn.execute("UPDATE refunds SET due_at = now() WHERE due_at IS NOT NULL")
    (attempt,) = sending.try_refunds(conn)
    with conn.transaction():
        sending.record_outcome(conn, RefundAttempt(attempt.refund, answer))


PAID = {"at_provider": -16000, "pending": 15300, "platform_income": 700}


def test_a_sale_is_posted_by_ticket_type_with_its_fee(
    api: Client, conn: db.Connection, shop: Shop, order: UUID
) -> None:
    payment = started(api, order)
    assert balances(conn, shop) == {}
    tell(api, payment)
    assert posted(conn) == [
        *[("platform_fee", 250), ("platform_fee", 450), ("receipt", 16000), ("sale", 6000), ("sale", 10000)]
    ]
    assert balances(conn, shop) == PAID
    tell(api, payment)  # another event about the same money
    assert conn.execute("SELECT count(*) FROM ledger_transfers").fetchone() == (5,)
    invariants.check(conn)


def test_what_is_too_much_goes_back_from_what_no_order_took(
    api: Client, conn: db.Connection, shop: Shop, order: UUID
) -> None:
    tell(api, started(api, order), amount=16300)
    # The sandbox has taken the refund right after the commit.
    assert posted(conn) == [("refund_sent", 300)]
    assert balances(conn, shop) == PAID
    invariants.check(conn)


def test_money_that_comes_for_nothing_leaves_nothing(api: Client, conn: db.Connection, shop: Shop, order: UUID) -> None:
    tell(api, started(api, order), amount=500)
    assert balances(conn, shop) == {}
    kinds = conn.execute("SELECT kind, amount, event_id FROM ledger_transfers ORDER BY id").fetchall()
    assert sorted(kinds) == [("receipt", 500, None), ("refund_sent", 500, None), ("return", 500, None)]
    invariants.check(conn)


def test_a_refund_is_of_the_event_of_its_ticket_and_returns_the_fee(
    api: Client, conn: db.Connection, shop: Shop, order: UUID
) -> None:
    tell(api, started(api, order))
    first, *_, other = sellers.tickets_of(conn, order)
    sellers.refund(api, shop, order, ticket_ids=[str(first)])
    # Of the fee of 4.50 for both tickets, a half. Sent at once.
    assert balances(conn, shop) == {"at_provider": -11000, "pending": 10525, "platform_income": 475}
    sellers.refund(api, shop, order, ticket_ids=[str(other)], fee=1000)
    # 50.00 of 60.00 go back: floor(250 · 5000 / 6000) = 208.
    assert balances(conn, shop) == {"at_provider": -6000, "pending": 5733, "platform_income": 267}
    by_event = conn.execute(
        "SELECT event_id = %s, sum(amount)::int FROM ledger_transfers WHERE kind = 'refund' GROUP BY 1 ORDER BY 1",
        [shop.event],
    ).fetchall()
    assert by_event == [(False, 5000), (True, 5000)]
    sellers.refund(api, shop, order, whole=True)
    sellers.refund(api, shop, order, amount=1000)
    assert balances(conn, shop) == {}
    invariants.check(conn)


def test_a_refund_that_fails_is_owed_again(api: Client, conn: db.Connection, shop: Shop, order: UUID) -> None:
    tell(api, started(api, order))
    sellers.refund(api, shop, order, amount=1600)
    sent = balances(conn, shop)
    conn.execute("UPDATE refunds SET status = 'sent', due_at = now(), closed_at = NULL, provider_reference = 're_1'")
    answered(conn, RefundState("refused", reason="the account is closed"))
    assert posted(conn) == [("refund_sent", -1600)]
    assert balances(conn, shop) == sent | {"owed_to_buyers": 1600, "at_provider": sent["at_provider"] - 1600}
    (matter,) = conn.execute("SELECT id FROM money_matters").fetchall()
    owner = factories.member(conn, shop.organisation, "owner")
    settled = api.post(
        f"/v1/organisations/{shop.organisation}/money-matters/{matter[0]}",
        {"action": "done", "note": "Paid in cash"},
        account=owner,
        key="new",
    )
    assert settled.status == 200, settled.body
    assert posted(conn) == [("refund_sent", 1600)]
    assert balances(conn, shop) == sent
    invariants.check(conn)


def test_a_dispute_takes_the_money_until_it_is_won(api: Client, conn: db.Connection, shop: Shop, order: UUID) -> None:
    payment = started(api, order)
    tell(api, payment)
    tell(api, payment, "dispute.opened", amount=16000, reference="dp_1")
    assert posted(conn) == [("dispute", 6000), ("dispute", 10000)]
    assert balances(conn, shop) == PAID | {"disputed": 16000, "pending": -700}
    tell(api, payment, "dispute.opened", amount=16000, reference="dp_1")
    tell(api, payment, "dispute.won", amount=16000, reference="dp_1")
    assert posted(conn) == [("dispute", -10000), ("dispute", -6000)]
    assert balances(conn, shop) == PAID
    invariants.check(conn)


def test_a_dispute_that_is_lost_returns_the_fees(api: Client, conn: db.Connection, shop: Shop, order: UUID) -> None:
    payment = started(api, order)
    tell(api, payment)
    tell(api, payment, "dispute.opened", amount=16000, reference="dp_1")
    tell(api, payment, "dispute.lost", amount=16000, reference="dp_1")
    assert balances(conn, shop) == {}
    invariants.check(conn)


def test_what_went_back_elsewhere_counts_once(api: Client, conn: db.Connection, shop: Shop, order: UUID) -> None:
    payment = started(api, order)
    tell(api, payment)
    tell(api, payment, "refund.created", amount=8000, reference="re_1")
    # By what each item cost: 80.00 by 100.00 and 60.00 are 50.00 and 30.00. Half of each fee is back.
    assert posted(conn) == [
        *[("platform_fee_returned", 125), ("platform_fee_returned", 225)],
        *[("refund_elsewhere", 3000), ("refund_elsewhere", 5000)],
    ]
    sellers.refund(api, shop, order, whole=True)
    assert balances(conn, shop) == {}
    # It was all for the same tickets, and it failed: 80.00 are owed to the buyer again.
    tell(api, payment, "refund.failed", amount=8000, reference="re_1")
    assert balances(conn, shop) == {"at_provider": -8000, "owed_to_buyers": 8000}
    invariants.check(conn)


def test_money_by_hand_is_the_organisations_which_owes_the_fee(
    api: Client, conn: db.Connection, shop: Shop, order: UUID
) -> None:
    sellers.mark_paid(api, shop, order)
    own = {"at_provider": -16000, "pending": 16000}
    assert balances(conn, shop, "organisation") == own
    assert balances(conn, shop) == {"pending": -700, "platform_income": 700}
    sellers.refund(api, shop, order, whole=True)
    # A person has to send it.
    assert balances(conn, shop, "organisation") == {"at_provider": -16000, "owed_to_buyers": 16000}
    assert balances(conn, shop) == {}
    invariants.check(conn)


def test_money_at_an_account_of_its_own_is_the_organisations(
    conn: db.Connection, api: Client, shop: Shop, order: UUID
) -> None:
    event = ProviderEvent("evt_1", "succeeded", None, 0, "", {}, order_reference=str(order))
    assert service.receive_event(conn, "generic", event, shop.organisation).effect == "paid"
    assert balances(conn, shop, "organisation") == {"at_provider": -16000, "pending": 16000}
    assert balances(conn, shop) == {"pending": -700, "platform_income": 700}
    invariants.check(conn)


def test_money_that_is_assigned_to_an_order_pays_it(api: Client, conn: db.Connection, shop: Shop, order: UUID) -> None:
    body = json.dumps({"order": "INVOICE-1", "status": "PAID"}).encode()
    api.post("/v1/webhooks/generic", body, headers=prove("generic", body))
    assert balances(conn, shop) == {}
    (matter,) = conn.execute("SELECT id FROM money_matters").fetchall()
    admin = factories.account(conn, is_admin=True)
    path = f"/v1/organisations/{UUID(int=0)}/money-matters/{matter[0]}"
    settled = api.post(path, {"action": "assign", "order": str(order)}, account=admin, key="new")
    assert settled.status == 200, settled.body
    assert balances(conn, shop) == PAID
    invariants.check(conn)


def test_what_nobody_has_posted_is_posted_with_the_next_change(
    api: Client, conn: db.Connection, shop: Shop, order: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = started(api, order)
    with monkeypatch.context() as forgetful:
        forgetful.setattr(books, "post", lambda *_: None)
        tell(api, payment)
        sellers.refund(api, shop, order, amount=1600)
    assert balances(conn, shop) == {}
    tell(api, payment, "refund.created", amount=100, reference="re_1")
    assert balances(conn, shop)["at_provider"] == -16000 + 1600 + 100
    invariants.check(conn)


def test_the_platform_keeps_its_fee_if_the_terms_of_the_sale_say_so(api: Client, conn: db.Connection) -> None:
    shop = Shop(conn)
    factories.fee_terms(conn, shop.organisation, return_on_refund=False)
    answer: dict[str, Any] = api.post(
        "/v1/orders", factories.order_request(shop.ticket_type(price=5000), quantity=2), key="new"
    ).json
    tell(api, started(api, UUID(answer["id"])))
    sellers.refund(api, shop, UUID(answer["id"]), whole=True)
    assert balances(conn, shop) == {"pending": -450, "platform_income": 450}
    invariants.check(conn)
