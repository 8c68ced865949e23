"""What happens to money: at the provider, on its dashboard, at a bank, and with what a person must look at."""

import json
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

from boxoffice.payments.models import PLATFORM_MERCHANT
from local.boxoffice.sandbox.faults import Kind, Operation
from tests.helpers.payers import prove
from tests.helpers.provider_servers import context_of_a_minute, due_at
from tests.helpers.support import Client, function
from tests.stateful.sale import CURRENCY, Sale, allow, post

SENDERS = ("sandbox", "generic", "cash")
"""Whoever may owe refunds: the methods of payment that the sale uses."""

_LATEST = """SELECT id, amount, late FROM payments
    WHERE provider = 'sandbox' AND prepared IS NOT NULL ORDER BY id DESC LIMIT 10"""
"""Payments that a buyer can make: before one is prepared, nobody knows its page."""

_DUE_NOW = [
    f"""UPDATE {table} SET {column} = now() WHERE id IN (
        SELECT id FROM {table} WHERE {column} IS NOT NULL ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)"""
    for table, column in (("payments", "ask_at"), ("refunds", "due_at"))
]
"""Makes due what nobody is working on. It waits for no lock, so it is in no deadlock."""

_ENDS = {"refund.created": ["refund.failed"], "dispute.opened": ["dispute.won", "dispute.lost"]}
_DECISIONS: dict[str, dict[str, str]] = {
    "approve": {},
    "reject": {"reason": "The account is closed"},
    "mark_sent": {"bank_reference": "BANK-1", "value_date": "2026-07-01"},
    "return": {"reason": "The bank sent it back"},
}
_TROUBLE: dict[Operation, list[Kind]] = {
    "create": ["error", "busy", "cut", "refused"],
    "fetch": ["error", "busy", "cut"],
    "close": ["error", "busy", "cut"],
    "refund": ["error", "busy", "cut", "refused", "pending", "pending"],
}


def pay(sale: Sale, api: Client, choice: Random) -> None:
    """Pay at the provider, be declined, or pay by a method that takes days. The amount may be wrong."""
    row = sale.some(choice, _LATEST.replace("ORDER BY", "AND ask_at IS NOT NULL ORDER BY")) or sale.some(
        choice, _LATEST
    )
    if row:
        payment, amount, late = row
        status = choice.choice(["succeeded", "succeeded", "succeeded", "failed", "processing" if late else "failed"])
        came = amount + choice.choice([0, 0, 0, 0, 0, 0, 10, -10])
        change = {"status": status} if status != "succeeded" else {"status": status, "amount": came}
        sale.sandbox.control(f"payments/{payment}", **change)
        if choice.random() < 0.5:
            _tell_of(sale, api, payment, choice)


def tell_of_payment(sale: Sale, api: Client, choice: Random) -> None:
    """Receive an event about a payment: late, twice, or out of order."""
    if row := sale.some(choice, _LATEST):
        _tell_of(sale, api, row[0], choice)


def _tell_of(sale: Sale, api: Client, payment: UUID, choice: Random) -> None:
    known = sale.sandbox.payment(payment)
    status = known.get("status") if choice.random() < 0.8 else "failed"
    if status in ("succeeded", "processing", "failed") and known.get("amount"):
        event = {"id": f"evt_{payment}_{status}_{choice.randint(1, 3)}", "type": f"payment.{status}"}
        _receive(api, {**event, "payment_id": known["id"], "amount": known["amount"], "currency": known["currency"]})


def send_money_back(sale: Sale, api: Client, choice: Random) -> None:
    """Refund a part of a payment or all of it on the dashboard, or let its payer dispute it."""
    known = _find(sale, choice, lambda known: known["status"] == "succeeded" and known["amount"] > known["refunded"])
    if known:
        left = known["amount"] - known["refunded"]
        kind = choice.choice([*_ENDS])
        reference = f"{kind.partition('.')[0]}_{known['id']}_{choice.randint(1, 4)}"
        amount = choice.choice([left, choice.randrange(10, left + 10, 10)])  # KWD: the last decimal is 0
        reversal = {"type": kind, "reference": reference, "amount": amount}
        answer = sale.sandbox.control(f"payments/{known['id']}/reversals", **reversal)
        if "message" not in answer and choice.random() < 0.5:
            tell_of(api, known, reversal)


def end_reversal(sale: Sale, api: Client, choice: Random) -> None:
    """Let a dispute end, or a refund on the dashboard fail."""
    if known := _find(sale, choice, lambda known: any(each["type"] in _ENDS for each in known["reversals"])):
        reversal = choice.choice([each for each in known["reversals"] if each["type"] in _ENDS])
        ended = {**reversal, "type": choice.choice(_ENDS[reversal["type"]])}
        sale.sandbox.control(f"payments/{known['id']}/reversals", **ended)


def tell_of_reversal(sale: Sale, api: Client, choice: Random) -> None:
    """Receive an event about a refund on the dashboard or a dispute: late, twice, or out of order."""
    if known := _find(sale, choice, lambda known: bool(known["reversals"])):
        reversal = choice.choice(known["reversals"])
        first = "refund.created" if reversal["type"].startswith("refund") else "dispute.opened"
        tell_of(api, known, {**reversal, "type": choice.choice([reversal["type"], reversal["type"], first])})


def _find(sale: Sale, choice: Random, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """Return what the provider knows of one of the latest payments that is as wanted."""
    rows = sale.conn.execute(_LATEST).fetchall()
    for payment, *_ in choice.sample(rows, len(rows)):
        known = sale.sandbox.payment(payment)
        if "status" in known and wanted(known):
            return known
    return None


def tell_of(api: Client, payment: dict[str, Any], reversal: dict[str, Any]) -> None:
    """Receive an event about a refund on the dashboard or a dispute."""
    event = {"id": f"evt_{reversal['reference']}_{reversal['type'].partition('.')[2]}", **reversal}
    _receive(api, {**event, "payment_id": payment["id"], "currency": payment["currency"]})


def _receive(api: Client, event: dict[str, Any]) -> None:
    body = json.dumps(event).encode()
    post(api, "/v1/webhooks/sandbox", body, headers=prove("sandbox", body))


def end_refund(sale: Sale, api: Client, choice: Random) -> None:
    """Let a refund succeed or fail that the provider has under way."""
    query = "SELECT provider_reference FROM refunds WHERE status = 'sent' ORDER BY id DESC LIMIT 10"
    if row := sale.some(choice, query):
        status = choice.choice(["succeeded", "failed"])
        sale.sandbox.control(f"refunds/{row[0]}", status=status, reason="the account is closed")


def pay_by_bank(sale: Sale, api: Client, choice: Random) -> None:
    """Receive an event of a bank. It names an order, maybe one that is over, or none that exists."""
    (number,) = sale.some(choice, "SELECT number FROM orders ORDER BY id DESC LIMIT 10") or ("",)
    order = choice.choice([number, number, f"INVOICE-{choice.randint(1, 5)}"]) or "INVOICE-1"
    event = {"order": order, "status": choice.choice(["PAID", "PAID", "REJECTED"])}
    if choice.random() < 0.5:
        event["payment"] = f"TRANSFER-{choice.randint(1, 20)}"
    body = json.dumps(event).encode()
    post(api, "/v1/webhooks/generic", body, headers=prove("generic", body))


def settle_matter(sale: Sale, api: Client, choice: Random) -> None:
    """Settle an open money matter in one of the ways that it offers."""
    organisation, account = choice.choice(
        [(sale.organisation, sale.owner), (sale.organisation, sale.owner), (PLATFORM_MERCHANT, sale.admin)]
    )
    if listed := open_matters(api, organisation, account):
        matter = choice.choice(listed)
        body: dict[str, Any] = {"action": choice.choice(matter["actions"])}
        if body["action"] == "done":
            body["note"] = "Paid by hand"
        if body["action"] == "assign":
            (body["order"],) = sale.some(choice, "SELECT number FROM orders ORDER BY id DESC LIMIT 10") or ("none",)
        settle(api, organisation, matter["id"], account, body)


def open_matters(api: Client, organisation: UUID, account: UUID) -> list[dict[str, Any]]:
    """Return the open money matters of an organisation, fifty at the most."""
    path, query = f"/v1/organisations/{organisation}/money-matters", {"settled": "false", "limit": "50"}
    return list(allow(api.get(path, account=account, query=query), 200).json["items"])


def settle(api: Client, organisation: UUID, matter_id: object, account: UUID, body: dict[str, Any]) -> None:
    """Settle a money matter, if that is still possible."""
    post(api, f"/v1/organisations/{organisation}/money-matters/{matter_id}", body, account=account, key="new")


def reconcile(sale: Sale, api: Client, choice: Random) -> None:
    """Ask the provider about payments, or send refunds, as if the waits and the leases were over."""
    if choice.random() < 0.5:
        for statement in _DUE_NOW:
            sale.conn.execute(statement)
    if choice.random() < 0.5:
        function("reconcile_payments").handler({}, context_of_a_minute())
    else:
        function("send_refunds").handler(due_at(choice.choice(SENDERS)), context_of_a_minute())


def make_trouble(sale: Sale, api: Client, choice: Random) -> None:
    """Let a few calls of the provider go wrong, of one operation or of all."""
    if choice.random() < 0.2:
        for operation in _TROUBLE:
            sale.sandbox.order(operation, "error", times=2)
    else:
        operation = choice.choice([*_TROUBLE, "refund", "refund"])
        sale.sandbox.order(operation, choice.choice(_TROUBLE[operation]), times=choice.randint(1, 2))


def correct(sale: Sale, api: Client, choice: Random) -> None:
    """Give the organisation something, or take it away."""
    body = {"amount": choice.choice([9000, 500, -2000]), "currency": CURRENCY, "reason": "Goodwill"}
    post(api, f"/v1/admin/organisations/{sale.organisation}/corrections", body, account=sale.admin, key="new")


def ask_for_payout(sale: Sale, api: Client, choice: Random) -> None:
    """Ask for a payout of an amount, or of all that there is."""
    body = {"method_id": str(sale.payout_method)}
    if choice.random() < 0.7:
        body["amount"] = choice.choice([100, 2500, 5000])
    post(api, f"/v1/organisations/{sale.organisation}/payouts", body, account=sale.owner, key="new")


def decide_on_payout(sale: Sale, api: Client, choice: Random) -> None:
    """Decide on one of the last payouts, in a way that may not be possible."""
    if row := sale.some(choice, "SELECT id FROM payouts ORDER BY id DESC LIMIT 5"):
        decision = choice.choice([*_DECISIONS])
        body = {"decision": decision, **_DECISIONS[decision]}
        post(api, f"/v1/admin/payouts/{row[0]}/decision", body, account=sale.admin)


def run_the_books(sale: Sale, api: Client, choice: Random) -> None:
    """Count the ledger, or release what events have earned that are over."""
    function(choice.choice(["count_ledger", "release_funds"])).handler({}, context_of_a_minute())
