"""A stub of Stripe: localstripe, with idempotency keys added, which can fail in the ways that a provider can.

It is a process of its own: ``python -m tests.helpers.stripe_server PORT``. ``POST /_config/mode/{mode}`` sets how it
answers. ``GET /_config/requests`` lists the requests since the last such call.

Refunds are refused as Stripe refuses them: more than is left, of a disputed charge, or as ``POST /_config/refusal``
orders. ``POST /_config/disputes`` opens and ends disputes, and ``POST /_config/refunds`` sets the state of a refund.
"""

import asyncio
import sys
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
    app.middlewares.insert(1, answer_as_mode_says)
    app.router.add_post("/_config/mode/{mode}", set_mode)
    app.router.add_get("/_config/requests", list_requests)
    app.router.add_post("/_config/forget", forget)
    app.router.add_post("/_config/refusal", set_refusal)
    app.router.add_post("/_config/refunds", set_refund)
    app.router.add_post("/_config/disputes", set_dispute)
    app.router.add_get("/v1/disputes", list_disputes)
    resources.Refund._api_create = create_refund
    app.router.add_post("/_config/settle/{intent}/{outcome}", settle)
    app.router.add_post("/_config/voucher/{intent}", show_voucher)
    app.router.add_post("/_config/allow-debit/{intent}", allow_debit)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
