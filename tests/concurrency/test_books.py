"""Writers that change the same money at once leave books that are what became of it."""

from collections.abc import Callable
from typing import Literal
from uuid import UUID, uuid4

import psycopg
import pytest

from boxoffice import db
from boxoffice.payments import sending, service
from boxoffice.payments.models import ProviderEvent, RefundAttempt, RefundState, Reversal, ReversalStatus
from tests.helpers import factories, invariants, payers, sellers
from tests.helpers.racing import deadlocks, race
from tests.helpers.support import Client, Database

type Act = Callable[[psycopg.Connection], object]

PRICE, PAYMENTS = 5000, 4


class Money:
    """A payment at the sandbox that has paid an order of two items."""

    def __init__(self, api: Client, conn: db.Connection, shop: sellers.Shop) -> None:
        types = [shop.ticket_type(price=PRICE) for _ in range(2)]
        items = [{"ticket_type_id": str(ticket_type), "quantity": 1} for ticket_type in types]
        order = api.post("/v1/orders", factories.order_request(types[0], items=items), key="new").json
        payment = payers.started(api, UUID(order["id"]))
        self.payment, self.amount, self.currency = UUID(payment["id"]), payment["amount"], payment["currency"]

    def pay(self, conn: db.Connection) -> str:
        event = ProviderEvent(str(uuid4()), "succeeded", self.payment, self.amount, self.currency, {})
        return service.receive_event(conn, "sandbox", event).effect

    def pay_too_much(self, conn: db.Connection) -> str:
        event = ProviderEvent(str(uuid4()), "succeeded", self.payment, self.amount + 100, self.currency, {})
        return service.receive_event(conn, "sandbox", event).effect

    def refund(self, conn: db.Connection) -> None:
        """Owe a refund, and send it right after."""
        refund = payers.owe_refund(conn, self.payment, 1500)
        sending.send_refunds(conn, ids=[refund])

    def fail(self, conn: db.Connection) -> None:
        """Owe a refund that the provider takes and fails afterwards."""
        refund = payers.owe_refund(conn, self.payment, 700)
        for attempt in sending.try_refunds(conn, ids=[refund]):
            for answer in (RefundState("pending", str(uuid4())), RefundState("refused", reason="no account")):
                with conn.transaction():
                    sending.record_outcome(conn, RefundAttempt(attempt.refund, answer))

    def reversed(self, kind: Literal["refund", "dispute"], status: ReversalStatus, amount: int) -> Act:
        reversal = Reversal(kind, f"{kind} {self.payment}", "", amount, self.currency, status, payment_id=self.payment)

        def act(conn: db.Connection) -> str:
            event = ProviderEvent(str(uuid4()), "reversal", None, 0, "", {}, reversals=(reversal,))
            return service.receive_event(conn, "sandbox", event).effect

        return act


@pytest.mark.parametrize("opens_late", [False, True], ids=["once it is paid", "while it is paid"])
def test_whoever_changes_the_same_money_posts_it_once(
    api: Client, database: Database, conn: db.Connection, opens_late: bool
) -> None:
    shop = sellers.Shop(conn)
    factories.fee_terms(conn, shop.organisation)
    for _ in range(PAYMENTS):
        money = Money(api, conn, shop)
        disputes = [money.reversed("dispute", status, 2500) for status in ("open", "lost", "won")]
        elsewhere = [money.reversed("refund", status, 2000) for status in ("made", "made", "failed")]
        acts: list[Act] = [money.pay, money.pay, *disputes[:2], *elsewhere[:2]]
        if not opens_late:
            money.pay(conn)
            acts = [money.pay_too_much, money.refund, money.refund, money.fail, *disputes, *elsewhere]
        race(database, len(acts), lambda conn, number, acts=acts: acts[number](conn))
    assert deadlocks(conn) == 0
    sold = conn.execute("SELECT sum(amount)::int FROM ledger_transfers WHERE kind = 'sale'").fetchone()
    assert sold == (PAYMENTS * 2 * PRICE,)
    invariants.check(conn)
