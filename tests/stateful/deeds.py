"""What buyers, managers and jobs do in a sale.

Deeds find what they act on in the database, so they can be combined in any way. A refusal is no failure. The caller
checks the invariants afterwards.
"""

from contextlib import suppress
from random import Random
from typing import Any
from uuid import uuid4

from boxoffice import one_time
from boxoffice.auth import Caller, Who
from boxoffice.guest_tokens import order_token, waitlist_token
from boxoffice.one_time import Purpose
from boxoffice.tickets import service as tickets
from boxoffice.tickets.errors import TicketRefunded
from tests.helpers.support import Client, context, function
from tests.stateful import money_deeds
from tests.stateful.sale import BUYERS, CURRENCY, VOUCHER, Deed, Purchase, Sale, allow, post, request


def buy(sale: Sale, api: Client, choice: Random) -> None:
    """Order a few tickets of one ticket type or more."""
    cart = choice.sample(sale.ticket_types, choice.randint(1, 3))
    wanted = {str(ticket_type): choice.randint(1, 5) for ticket_type in cart}
    items = [{"ticket_type_id": ticket_type, "quantity": many} for ticket_type, many in wanted.items()]
    body = request(items, choice)
    if choice.random() < 0.2:
        body["voucher"] = VOUCHER
    if choice.random() < 0.2:
        body["ticket_mode"] = choice.choice(["separate", "group"])
    purchase = Purchase(body, str(uuid4()))
    sale.purchases.append(purchase)
    answer = post(api, "/v1/orders", body, key=purchase.key)
    if answer.status == 201:
        purchase.order = answer.json["id"]
    if sale.alone and answer.status == 409 and answer.code == "sold_out":
        assert sale.is_short_of(wanted), "sold out, although there was enough"


def choose_seats(sale: Sale, api: Client, choice: Random) -> None:
    """Order named seats, or the best seats wherever they are."""
    ticket_type = sale.ticket_types[-1]
    seats = sale.conn.execute("SELECT id FROM seats ORDER BY id").fetchall()
    item: dict[str, Any] = {"ticket_type_id": str(ticket_type), "quantity": choice.randint(1, 3)}
    if choice.random() < 0.7:
        item["seat_ids"] = [str(seat) for (seat,) in choice.sample(seats, item["quantity"])]
    else:
        item["together"] = False
    post(api, "/v1/orders", request([item], choice), key="new")


def wait(sale: Sale, api: Client, choice: Random) -> None:
    """Join the waitlist, and open the link of the email most of the time."""
    body = {"quantity": choice.randint(1, 4), "name": "Ada Buyer", "email": choice.choice(BUYERS)}
    path = f"/v1/ticket-types/{choice.choice(sale.ticket_types)}/waitlist"
    post(api, path, body, address=f"198.51.100.{choice.randint(1, 250)}")
    row = sale.some(choice, "SELECT id FROM one_time_tokens WHERE purpose = 'join waitlist' ORDER BY id")
    if row and choice.random() < 0.8:
        post(api, "/v1/waitlist/confirm", {"token": one_time.token_of(Purpose.JOIN_WAITLIST, row[0])})


def accept_offer(sale: Sale, api: Client, choice: Random) -> None:
    """Buy what the waitlist offers or a part of it, leave the waitlist, or let the offer lapse."""
    row = sale.some(choice, "SELECT id, ticket_type_id, quantity, email FROM waitlist_entries ORDER BY id")
    if not row:
        return
    entry, ticket_type, quantity, email = row
    token = waitlist_token(entry)
    match choice.randint(1, 4):
        case 1:
            allow(api.delete(f"/v1/waitlist/{entry}", order_token=token), 204)
        case 2:
            sale.conn.execute(
                """UPDATE waitlist_entries SET expires_at = now() - interval '1 second'
                WHERE id = %s AND status = 'offered'""",
                [entry],
            )
        case _:
            item = {"ticket_type_id": str(ticket_type), "quantity": choice.randint(1, quantity)}
            body = {**request([item], choice), "waitlist_token": token}
            body["buyer"]["email"] = email
            post(api, "/v1/orders", body, key="new")


def ask_again(sale: Sale, api: Client, choice: Random) -> None:
    """Repeat a request for an order: the same one, or one that is another but has the same key."""
    if not sale.purchases:
        return
    purchase = choice.choice(sale.purchases)
    body = choice.choice([purchase.body, purchase.body, _corrected(purchase.body), _enlarged(purchase.body)])
    answer = post(api, "/v1/orders", body, key=purchase.key)
    if answer.status in (429, 503):
        return
    if purchase.order is None:  # the first request was refused, or nobody has heard its answer
        if answer.status == 201 and body == purchase.body:
            purchase.order = answer.json["id"]
    elif body == purchase.body:
        assert answer.status == 201, answer.body
        assert answer.json["id"] == purchase.order
    else:
        assert answer.code == "idempotency_key_reused", answer.body


def _corrected(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "buyer": {**body["buyer"], "email": "corrected@example.com"}}


def _enlarged(body: dict[str, Any]) -> dict[str, Any]:
    first, *others = body["items"]
    return {**body, "items": [{**first, "quantity": first["quantity"] + 1}, *others]}


def shop_elsewhere(sale: Sale, api: Client, choice: Random) -> None:
    """Use the key of a purchase in another organisation's shop too. The request there is always the same."""
    if sale.purchases:
        items = [{"ticket_type_id": str(sale.other_shop), "quantity": 1}]
        body = {"items": items, "buyer": {"name": "Ada Buyer", "email": BUYERS[0]}}
        answer = post(api, "/v1/orders", body, key=choice.choice(sale.purchases).key)
        assert answer.status in (201, 429, 503) or answer.code == "sold_out", answer.body


def start_payment(sale: Sale, api: Client, choice: Random) -> None:
    """Start a payment, or repeat the start."""
    status = choice.choice(["pending", "pending", "pending", "%"])
    query = "SELECT id, email_changes FROM orders WHERE total > 0 AND status LIKE %s ORDER BY id DESC LIMIT 10"
    if row := sale.some(choice, query, status):
        order, changes = row
        key = choice.choice(["once", "again"])
        post(
            api,
            f"/v1/orders/{order}/payments",
            {"provider": "sandbox"},
            key=f"{order}{key}",
            order_token=order_token(order, changes),
        )


def cancel(sale: Sale, api: Client, choice: Random) -> None:
    """Cancel an order as the buyer."""
    if row := sale.some(choice, "SELECT id, email_changes FROM orders ORDER BY id DESC LIMIT 10"):
        order, changes = row
        post(api, f"/v1/orders/{order}/cancel", order_token=order_token(order, changes))


def move(sale: Sale, api: Client, choice: Random) -> None:
    """Give an order to another address, as the manager or as the buyer."""
    if row := sale.some(choice, "SELECT id, email_changes FROM orders ORDER BY id DESC LIMIT 10"):
        order, changes = row
        caller = choice.choice([{"account": sale.manager}, {"order_token": order_token(order, changes)}])
        allow(api.patch(f"/v1/orders/{order}", {"buyer": {"email": choice.choice(BUYERS)}}, **caller))


def lapse(sale: Sale, api: Client, choice: Random) -> None:
    """Let a hold lapse."""
    if row := sale.some(choice, "SELECT id FROM orders WHERE status = 'pending' ORDER BY id"):
        sale.conn.execute("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", row)


def sweep(sale: Sale, api: Client, choice: Random) -> None:
    """Run one of the jobs."""
    jobs = ["expire_orders", "offer_waitlist", "finish_cancellations", "count_sales"]
    function(choice.choice(jobs)).handler({}, context())


def refund(sale: Sale, api: Client, choice: Random) -> None:
    """Refund a whole order, some tickets, or an amount. Tickets may end for less than was paid, or for nothing."""
    status = choice.choice(["%paid", "%refunded", "%"])
    row = sale.some(choice, "SELECT id, total FROM orders WHERE status LIKE %s ORDER BY id DESC LIMIT 10", status)
    if not row:
        return
    order, total = row
    tickets = sale.conn.execute("SELECT id FROM tickets WHERE order_id = %s ORDER BY id", [order]).fetchall()
    body: dict[str, Any] = {"force": choice.random() < 0.5}
    match choice.randint(1, 3):
        case 1:
            body["whole"] = True
        case 2:
            body["amount"] = choice.randint(1, max(1, total // 10)) * choice.choice([10, 10, 10, 7])
        case _ if tickets:
            chosen = choice.sample(tickets, choice.randint(1, len(tickets)))
            body["ticket_ids"] = [str(ticket) for (ticket,) in chosen]
    if "amount" not in body and choice.random() < 0.4:
        body |= choice.choice([{"amount": 0}, {"amount": 10}, {"fee": 10}])
    post(api, f"/v1/orders/{order}/refunds", body, account=sale.manager, key="new")


def pay_at_the_desk(sale: Sale, api: Client, choice: Random) -> None:
    """Mark an order as paid in cash, maybe late."""
    if row := sale.some(choice, "SELECT id FROM orders WHERE total > 0 ORDER BY id DESC LIMIT 10"):
        (order,) = row
        post(api, f"/v1/orders/{order}/mark-paid", {"method": "cash"}, account=sale.manager, key="new")


def call_off(sale: Sale, api: Client, choice: Random) -> None:
    """Cancel the doubtful event, once in ten times."""
    if choice.random() < 0.1:
        post(api, f"/v1/events/{sale.doubtful_event}/cancel", {"reason": "Rain"}, account=sale.manager)


def suspend(sale: Sale, api: Client, choice: Random) -> None:
    """Suspend the organisation, or more often let it sell again."""
    status = choice.choice(["suspended", *["approved"] * 5])
    sale.conn.execute(
        "UPDATE organisations SET status = %s, status_reason = 'Fraud' WHERE id = %s", [status, sale.organisation]
    )


def resize(sale: Sale, api: Client, choice: Random) -> None:
    """Change the quantity of a ticket type, the capacity of the event, or a limit of the voucher."""
    (voucher,) = sale.some(choice, "SELECT id FROM vouchers")
    path, body = choice.choice(
        [
            (f"/v1/ticket-types/{choice.choice(sale.ticket_types)}", {"quantity": choice.randint(0, 30)}),
            (f"/v1/events/{sale.event}", {"capacity": choice.choice([None, choice.randint(10, 50)])}),
            (f"/v1/vouchers/{voucher}", {"max_redemptions": choice.choice([None, choice.randint(0, 9)])}),
            (f"/v1/vouchers/{voucher}", {"max_tickets_per_redemption": choice.choice([None, 1, 2, 3])}),
        ]
    )
    allow(api.patch(path, body, account=sale.manager))


def change_fee(sale: Sale, api: Client, choice: Random) -> None:
    """Change what the platform keeps: of the organisation, or by default. Sometimes it is nothing."""
    fee = {"basis_points": choice.choice([0, 250, 10_000]), "fixed": choice.choice([0, 100]), "minimum": 50}
    fee |= {"maximum": choice.choice([None, 170]), "return_on_refund": choice.random() < 0.7}
    fees = choice.choice([{}, {CURRENCY: fee}, {CURRENCY: fee}])
    if choice.random() < 0.5:
        allow(api.put("/v1/admin/settings", {"platform_fees": fees}, account=sale.admin), 200)
    else:
        path = f"/v1/admin/organisations/{sale.organisation}/platform-fees"
        allow(api.put(path, {"fees": fees, "reason": "Why"}, account=sale.admin), 200)


def scan(sale: Sale, api: Client, choice: Random) -> None:
    """Scan a ticket, maybe again."""
    query = "SELECT id FROM tickets WHERE status = 'valid' AND organisation_id = %s ORDER BY id DESC LIMIT 10"
    if row := sale.some(choice, query, sale.organisation):
        with suppress(TicketRefunded):  # by somebody else, meanwhile
            text = tickets.get_qr_text(sale.conn, Caller(Who.MANAGER, sale.manager), row[0])
            post(api, "/v1/scans", {"qr": text}, account=sale.manager)


DEEDS: dict[str, tuple[Deed, int]] = {
    # Each deed with its frequency relative to the others.
    "buy": (buy, 6),
    "choose seats": (choose_seats, 2),
    "wait": (wait, 2),
    "accept an offer": (accept_offer, 2),
    "ask again": (ask_again, 2),
    "shop elsewhere": (shop_elsewhere, 1),
    "start a payment": (start_payment, 5),
    "pay": (money_deeds.pay, 6),
    "tell of a payment": (money_deeds.tell_of_payment, 4),
    "cancel": (cancel, 1),
    "move": (move, 1),
    "lapse": (lapse, 2),
    "sweep": (sweep, 2),
    "refund": (refund, 3),
    "pay at the desk": (pay_at_the_desk, 1),
    "pay by bank": (money_deeds.pay_by_bank, 1),
    "send money back": (money_deeds.send_money_back, 3),
    "end a reversal": (money_deeds.end_reversal, 2),
    "tell of a reversal": (money_deeds.tell_of_reversal, 2),
    "end a refund": (money_deeds.end_refund, 1),
    "settle a matter": (money_deeds.settle_matter, 3),
    "reconcile": (money_deeds.reconcile, 3),
    "make trouble": (money_deeds.make_trouble, 2),
    "suspend": (suspend, 1),
    "call off": (call_off, 1),
    "resize": (resize, 2),
    "change the fee": (change_fee, 2),
    "correct": (money_deeds.correct, 1),
    "ask for a payout": (money_deeds.ask_for_payout, 2),
    "decide on a payout": (money_deeds.decide_on_payout, 2),
    "run the books": (money_deeds.run_the_books, 2),
    "scan": (scan, 1),
}
FREQUENCIES = [name for name, (_, often) in DEEDS.items() for _ in range(often)]
