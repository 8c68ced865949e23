"""POST /v1/orders"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from boxoffice import db
from boxoffice.api import IdempotencyKey, caller, handler, route
from boxoffice.auth import Caller, Who
from boxoffice.errors import KeyReused, TooManyRequests
from boxoffice.orders import service
from boxoffice.orders.errors import ASKS_GUESTS, CANNOT_BE_BOUGHT, ChallengeFailed, TicketTypeNotFound
from boxoffice.orders.models import ChallengeOutcome, OrderRequest, PlacedOrder
from boxoffice.rate_limit import limit_checks_elsewhere, limit_vouchers
from boxoffice.scopes import Scope
from boxoffice.seats.errors import CANNOT_BE_SEATED
from boxoffice.vouchers.errors import NOT_REDEEMABLE, VoucherNotFound
from boxoffice.waitlist.errors import NOT_OFFERED

__all__ = ["handler"]


@route(
    "POST",
    "/v1/orders",
    who=Who.PUBLIC,
    scope=Scope.ORDERS_WRITE,
    status=201,
    raises=(*CANNOT_BE_BOUGHT, *CANNOT_BE_SEATED, *NOT_REDEEMABLE, *NOT_OFFERED, *ASKS_GUESTS, TooManyRequests),
)
def create_order(order: OrderRequest, key: IdempotencyKey) -> PlacedOrder:
    """Hold stock and place an order.

    The order holds its stock until `expires_at`. A free order is paid at once. As a guest, keep the `access_token`: it
    lets you read the order, pay it and show its tickets. Limits per buyer count all live orders of the account and of
    the mailbox.

    A voucher gives a discount on the ticket types that it covers. It can also unlock hidden ones. It may be for some
    tickets of an order only: then it discounts the dearest, and unlocks so many. After ten wrong codes within 15
    minutes, a buyer has to wait.

    For a seated ticket type, name all seats, or none to get the best. The best seats are next to each other in one row,
    unless `together` is false. With a `waitlist_token`, the order takes what the waitlist offers to the buyer's email
    address.

    What an event asks, as `get_event` shows it, is answered here. `holders` says whom each ticket is for, and what they
    answer. `answers` are those to what is asked once an order.

    Guests have budgets of unpaid and of free tickets in each event, for their network and for their mailbox. Beyond
    half of its network's budget, an order's hold is short. A `challenge` lifts the budgets, and so does an account. If
    the event asks for it, a guest has to confirm a free order: it is `pending` until they open the link of an email.
    """
    who = caller()
    with db.autocommit() as conn:
        if order.voucher is None and order.challenge is None:
            return service.place_order(conn, who, order, key)
        with _limit_guesses(conn, who, order):
            return service.place_order(conn, who, order, key, _outcome_of(who, order.challenge))


@contextmanager
def _limit_guesses(conn: db.Connection, who: Caller, order: OrderRequest) -> Iterator[None]:
    """Count a wrong voucher code, and a wrong answer to a challenge, which costs us a call to its provider."""
    with ExitStack() as limits:
        if order.voucher is not None:
            wrong = (VoucherNotFound, TicketTypeNotFound, KeyReused)
            limits.enter_context(limit_vouchers(who, service.find_seller(conn, order), order.buyer.email, *wrong))
        if order.challenge is not None:
            limits.enter_context(limit_checks_elsewhere(who, "challenge", ChallengeFailed))
        yield


def _outcome_of(who: Caller, challenge: str | None) -> ChallengeOutcome | None:
    if challenge is None or who.actor_kind != "guest":
        return None
    from boxoffice.challenges import verify

    return verify(challenge)
