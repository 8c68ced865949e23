"""A stub of Stripe: localstripe, with idempotency keys added, which can fail in the ways that a provider can.

It is a process of its own: ``python -m tests.helpers.stripe_server PORT``. ``POST /_config/mode/{mode}`` sets how it
answers. ``GET /_config/requests`` lists the requests since the last such call.

Refunds are refused as Stripe refuses them: more than is left, of a disputed charge, or as ``POST /_config/refusal``
orders. ``POST /_config/disputes`` opens and ends disputes, and ``POST /_config/refunds`` sets the state of a refund.

``GET /v1/balance_transactions`` lists what each charge and refund moved, and what ``POST /_config/transactions`` adds.
``POST /_config/transactions/{source}`` changes those about a source, such as their time.
"""

import asyncio
import sys
import time
from typing import Any

from aiohttp import web
from localstripe import resources
from localstripe.errors import UserError
from localstripe.server import app
from localstripe.webhooks import schedule_webhook

_ERRORS = {
    "error": (500, {"type": "api_error", "message": "down"}),
    "refuses": (400, {"type": "invalid_request_error", "code": "invalid_currency", "message": "Invalid currency"}),
    "busy": (429, {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}),
    "locked": (429, {"type": "invalid_request_error", "code": "lock_timeout", "message": "Too many requests"}),
}
_mode = "works"
_requests: list[list[str]] = []
_answers: dict[str, tuple[int, bytes]] = {}
_running: set[str] = set()


@web.middleware
async def answer_as_mode_says(request: web.Request, handler: Any) -> web.StreamResponse:
    """Fail as the mode says, or hand the request to localstripe."""
    if request.path.startswith("/_config/"):
        return await handler(request)
    key = request.headers.get("Idempotency-Key", "")
    _requests.append([request.method, request.path, key])
    if _mode == "hangs":
        await asyncio.sleep(30)
    if _mode in _ERRORS:
        status, error = _ERRORS[_mode]
        headers = {"Retry-After": "3"} if status == 429 else None
        return web.json_response({"error": error}, status=status, headers=headers)
    if _mode == "html":
        return web.Response(text="<h1>Bad gateway</h1>", content_type="text/html")
    if _mode == "nonsense":
        return web.json_response({"object": "list", "data": 7})
    if request.path in _REPORTS:  # localstripe's own know neither fees nor times
        return await _REPORTS[request.path](request)
    return await _run_once(request, handler, key)


async def _run_once(request: web.Request, handler: Any, key: str) -> web.StreamResponse:
    """Answer a request, and a repeat of it with the same answer. Refuse a repeat that comes while the first runs."""
    if key and key in _running:
        error = {"type": "invalid_request_error", "code": "idempotency_key_in_use", "message": "The key is in use."}
        return web.json_response({"error": error}, status=409)
    if key not in _answers:
        _running.add(key)
        try:
            response = await handler(request)
        except UserError as error:
            response = error.to_response()
        finally:
            _running.discard(key)
        is_stored = response.status < 400 or request.path == "/v1/refunds"  # Stripe repeats its refusals too
        if not key or not is_stored:
            return response
        _answers[key] = response.status, response.body
    if _mode == "loses-answers" and request.transport is not None:
        request.transport.abort()
    status, body = _answers[key]
    return web.Response(body=body, status=status, content_type="application/json")


async def set_mode(request: web.Request) -> web.Response:
    """Set how the server answers from now on."""
    global _mode
    _mode = request.match_info["mode"]
    return web.Response()


async def list_requests(_: web.Request) -> web.Response:
    """Answer with the requests since the last such call."""
    requests = [*_requests]
    _requests.clear()
    return web.json_response(requests)


async def forget(_: web.Request) -> web.Response:
    """Forget the idempotency keys, as Stripe does after a while."""
    _answers.clear()
    return web.Response()


def create_refund(charge: Any = None, payment_intent: Any = None, amount: Any = None, **rest: Any) -> Any:
    """Make a refund, or refuse it where Stripe would."""
    if _refusal:
        raise UserError(400, _refusal["message"], {"code": _refusal["code"]})
    paid = resources.PaymentIntent._api_retrieve(payment_intent).latest_charge
    made = resources.Refund._api_list_all("", payment_intent=payment_intent)._list
    left = paid.amount - sum(each.amount for each in made if each.status not in ("failed", "canceled"))
    wanted = left if amount is None else int(amount)
    disputes = [each["status"] for each in _disputes.values() if each["payment_intent"] == payment_intent]
    if any(status not in _WON for status in disputes):
        message = f"Charge {paid.id} has been charged back; cannot issue a refund."
        raise UserError(400, message, {"code": "charge_disputed"})
    if left == 0:
        raise UserError(400, f"Charge {paid.id} has already been refunded.", {"code": "charge_already_refunded"})
    if wanted > left:
        raise UserError(400, f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})")
    refund = resources.Refund(charge, payment_intent, wanted, **rest)
    refund.status = _refund_status
    _enter(refund, "refund", -wanted)
    return refund


_WON = ("won", "warning_closed")
_refusal: dict[str, str] = {}
_refund_status = "succeeded"
_disputes: dict[str, dict[str, Any]] = {}


async def set_refusal(request: web.Request) -> web.Response:
    """Refuse all refunds with a code and a message, or none with an empty body."""
    _refusal.clear()
    _refusal.update(await request.json())
    return web.Response()


async def set_refund(request: web.Request) -> web.Response:
    """Set the state of a refund, or without an id that of refunds to come. Answer with the refund."""
    global _refund_status
    body = await request.json()
    if "id" not in body:
        _refund_status = body["status"]
        return web.Response()
    refund = resources.Refund._api_retrieve(body["id"])
    refund.status, refund.failure_reason = body["status"], body.get("failure_reason")
    return web.json_response(refund._export())


async def set_dispute(request: web.Request) -> web.Response:
    """Open a dispute, or change one. Answer with the dispute."""
    body = await request.json()
    dispute = {"object": "dispute", "currency": "eur", "reason": "fraudulent", "status": "needs_response", **body}
    dispute.setdefault("id", f"du_{len(_disputes) + 1}{body['payment_intent'][3:]}")
    _disputes[dispute["id"]] = dispute
    return web.json_response(dispute)


async def list_disputes(request: web.Request) -> web.Response:
    """Answer with the disputes of a PaymentIntent."""
    data = [each for each in _disputes.values() if each["payment_intent"] == request.query["payment_intent"]]
    return web.json_response({"object": "list", "data": data, "has_more": False, "url": "/v1/disputes"})


_transactions: list[dict[str, Any]] = []


def _enter(source: Any, category: str, amount: int, fee: int = 0, **facts: Any) -> dict[str, Any]:
    """Enter a balance transaction. The source is an object of localstripe's, or its fields."""
    subject = source if isinstance(source, dict) or source is None else source._export()
    transaction = {
        "id": f"txn_{len(_transactions) + 1:024}",
        "object": "balance_transaction",
        "amount": amount,
        "available_on": int(time.time()),
        "created": int(time.time()),
        "currency": (subject or {}).get("currency", "eur"),
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [],
        "reporting_category": category,
        "source": subject,
        "status": "available",
        "type": category,
        **facts,
    }
    _transactions.append(transaction)
    return transaction


def enter_charge(charge: Any, on_success: Any = None) -> None:
    """Make the payment of a charge, and enter it with Stripe's European fee: 1.5 % and 0.25."""
    metadata = resources.PaymentIntent._api_retrieve(charge.payment_intent).metadata if charge.payment_intent else {}
    _trigger_payment(charge, on_success)
    if not charge._is_async_payment_method():
        fields = {**charge._export(), "metadata": metadata}  # Stripe copies them from the PaymentIntent
        _enter(fields, "charge", charge.amount, round(charge.amount * 15 / 1000) + 25)


async def add_transaction(request: web.Request) -> web.Response:
    """Enter a balance transaction."""
    body = await request.json()
    source, category = body.pop("source", None), body.pop("reporting_category")
    return web.json_response(_shown(_enter(source, category, body.pop("amount"), body.pop("fee", 0), **body), ()))


async def change_transactions(request: web.Request) -> web.Response:
    """Change the balance transactions about a source, or about a PaymentIntent's charge."""
    name, body = request.match_info["source"], await request.json()
    for each in _transactions:
        if name in ((each["source"] or {}).get("id"), (each["source"] or {}).get("payment_intent")):
            each.update(body)
    return web.Response()


async def forget_transactions(_: web.Request) -> web.Response:
    """Forget all balance transactions."""
    _transactions.clear()
    return web.Response()


def _shown(transaction: dict[str, Any], expanded: tuple[str, ...]) -> dict[str, Any]:
    source = transaction["source"]
    shown = source if "data.source" in expanded or source is None else source["id"]
    return {**transaction, "net": transaction["amount"] - transaction["fee"], "source": shown}


async def list_transactions(request: web.Request) -> web.Response:
    """Answer with a page of balance transactions, the newest first. Refuse what Stripe does not document."""
    known = {"created[gte]", "created[gt]", "created[lt]", "created[lte]", "limit", "starting_after", "expand[0]"}
    query, limit = request.query, int(request.query.get("limit", 10))
    if unknown := set(query) - known:
        return _refused(f"Received unknown parameters: {', '.join(unknown)}", "parameter_unknown")
    if not 1 <= limit <= 100:
        return _refused("This value must be between 1 and 100.", "parameter_invalid_integer")
    since, until = int(query.get("created[gte]", 0)), int(query.get("created[lt]", 1 << 62))
    newest_first = sorted(_transactions, key=lambda each: (each["created"], each["id"]), reverse=True)
    if after := query.get("starting_after"):
        places = [place for place, each in enumerate(newest_first) if each["id"] == after]
        if not places:
            return _refused(f"No such balance transaction: '{after}'", "resource_missing")
        newest_first = newest_first[places[0] + 1 :]
    found = [each for each in newest_first if since <= each["created"] < until]
    expanded = tuple(value for name, value in query.items() if name.startswith("expand"))
    page = [_shown(each, expanded) for each in found[:limit]]
    answer = {"object": "list", "url": "/v1/balance_transactions", "has_more": len(found) > limit, "data": page}
    return web.json_response(answer)


async def get_balance(_: web.Request) -> web.Response:
    """Answer with the balance: the sum of all balance transactions, as if all of it were available."""
    sums: dict[str, int] = {}
    for each in _transactions:
        sums[each["currency"]] = sums.get(each["currency"], 0) + each["amount"] - each["fee"]
    amounts = [{"amount": amount, "currency": currency, "source_types": {}} for currency, amount in sums.items()]
    return web.json_response({"object": "balance", "livemode": False, "available": amounts, "pending": []})


_REPORTS = {"/v1/balance_transactions": list_transactions, "/v1/balance": get_balance}


def _refused(message: str, code: str) -> web.Response:
    return web.json_response({"error": {"type": "invalid_request_error", "code": code, "message": message}}, status=400)


async def settle(request: web.Request) -> web.Response:
    """Let a bank debit that is under way succeed or fail."""
    charge, on_success, on_failure = _debits.pop(request.match_info["intent"])
    if request.match_info["outcome"] == "fail":
        charge._set_auth_failure()
        on_failure()
    else:
        charge._trigger_payment()
        charge.status = "succeeded"
        on_success()
    return web.Response()


async def show_voucher(request: web.Request) -> web.Response:
    """Let a buyer choose a voucher that they pay in a shop. The PaymentIntent then requires an action."""
    intent = resources.PaymentIntent._api_retrieve(request.match_info["intent"])
    intent.payment_method = (await request.json())["payment_method"]
    intent.next_action = {"type": "oxxo_display_details", "oxxo_display_details": {}}
    schedule_webhook(resources.Event("payment_intent.requires_action", intent))
    return web.Response()


async def allow_debit(request: web.Request) -> web.Response:
    """Let a PaymentIntent be paid by bank debit, whatever it excludes."""
    resources.PaymentIntent._api_retrieve(request.match_info["intent"]).excluded_payment_method_types = []
    return web.Response()


_debits: dict[str, tuple[Any, Any, Any]] = {}
_create_intent, _update_intent = resources.PaymentIntent.__init__, resources.PaymentIntent._update
_charge = resources.Charge._initialize_charge
_trigger_payment = resources.Charge._trigger_payment


def create_intent(intent: Any, *, excluded_payment_method_types: list[str] | None = None, **parameters: Any) -> None:
    """Make a PaymentIntent that knows which ways to pay it excludes."""
    _create_intent(intent, **parameters)
    intent.excluded_payment_method_types = excluded_payment_method_types or []


def update_intent(intent: Any, **changes: Any) -> None:
    """Let a buyer try another card after a decline. localstripe would stay with the failed charge."""
    _update_intent(intent, **changes)
    if intent.latest_charge is not None and intent.latest_charge.status == "failed":
        intent.latest_charge = None


def charge_or_wait(charge: Any, on_success: Any, on_failure_now: Any, on_failure_later: Any) -> None:
    """Make a charge at once, or let a bank debit be under way until a test settles it."""
    if not charge._is_async_payment_method():
        return _charge(charge, on_success, on_failure_now, on_failure_later)
    intent = resources.PaymentIntent._api_retrieve(charge.payment_intent)
    if "sepa_debit" in intent.excluded_payment_method_types:
        intent.latest_charge = None
        raise UserError(400, "The payment method type sepa_debit is excluded.")
    _debits[intent.id] = (charge, on_success, on_failure_later)
    schedule_webhook(resources.Event("payment_intent.processing", intent))
    return None


def main(port: int) -> None:
    """Serve until the process is killed."""
    resources.Store.dump_to_disk = lambda _: None
    resources.PaymentIntent.__init__ = create_intent
    resources.PaymentIntent._update = update_intent
    resources.Charge._initialize_charge = charge_or_wait
    resources.Charge._trigger_payment = enter_charge
    app.middlewares.insert(1, answer_as_mode_says)
    app.router.add_post("/_config/mode/{mode}", set_mode)
    app.router.add_get("/_config/requests", list_requests)
    app.router.add_post("/_config/forget", forget)
    app.router.add_post("/_config/refusal", set_refusal)
    app.router.add_post("/_config/refunds", set_refund)
    app.router.add_post("/_config/disputes", set_dispute)
    app.router.add_get("/v1/disputes", list_disputes)
    app.router.add_post("/_config/transactions", add_transaction)
    app.router.add_delete("/_config/transactions", forget_transactions)
    app.router.add_post("/_config/transactions/{source}", change_transactions)
    resources.Refund._api_create = create_refund
    app.router.add_post("/_config/settle/{intent}/{outcome}", settle)
    app.router.add_post("/_config/voucher/{intent}", show_voucher)
    app.router.add_post("/_config/allow-debit/{intent}", allow_debit)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
