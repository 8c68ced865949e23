"""The sandbox's answers: to the API that creates, fetches, closes and refunds payments, to buyers, and to tests."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from local.boxoffice.policy import guarded
from local.boxoffice.sandbox.courier import Courier, Delivery
from local.boxoffice.sandbox.faults import KINDS, OPERATIONS, Fault, Faults
from local.boxoffice.sandbox.memory import FIRST_WAIT, Memory, Payment, Refund, Status
from local.stack.project import RunningStack

PATH = "/_local/sandbox"
MOST_REPEATS = 100
ENTRIES_OF_PAGE = 100
OUTCOMES: dict[str, tuple[Status, str]] = {
    "pay": ("succeeded", "payment.succeeded"),
    "decline": ("failed", "payment.failed"),
    "pay_later": ("processing", "payment.processing"),
}


def payments(stack: RunningStack) -> Blueprint:
    """Make the sandbox: its API, its page, where a buyer pays or declines, and the orders of tests."""
    memory, faults = Memory(stack.data / "sandbox.sqlite"), Faults()
    courier = Courier(memory, faults, stack.url)
    pages = guarded(Blueprint("sandbox", __name__, url_prefix=PATH, template_folder="../html"))
    _add_payments(pages, memory, faults, stack.url + PATH)
    _add_refunds(pages, memory, faults)
    _add_report(pages, memory, faults)
    _add_page(pages, memory, courier)
    _add_controls(pages, memory, faults, courier)
    _add_dashboard(pages, memory, courier)
    return pages


def _add_payments(pages: Blueprint, memory: Memory, faults: Faults, address: str) -> None:
    """Add the payments that `boxoffice.payments.sandbox` creates, fetches and closes."""

    @pages.put("/payments/<uuid:payment_id>")
    def create(payment_id: UUID) -> Response:
        def act(_: Fault | None) -> Response:
            body = request.get_json()
            details = (body[name] for name in ("amount", "currency", "order", "buyer", "return_url"))
            payment = memory.add_payment(str(payment_id), *details)
            return jsonify({**asdict(payment), "url": f"{address}/{payment_id}"})

        return _answer(faults, "create", act)

    @pages.get("/payments/<uuid:payment_id>")
    def fetch(payment_id: UUID) -> Response:
        def act(_: Fault | None) -> Response:
            payment = _known(memory.payment(str(payment_id)))
            return jsonify({**asdict(payment), "reversals": memory.reversals(payment.id)})

        return _answer(faults, "fetch", act)

    @pages.post("/payments/<uuid:payment_id>/close")
    def close(payment_id: UUID) -> Response:
        def act(_: Fault | None) -> Response:
            payment = _known(memory.payment(str(payment_id)))
            if payment.status != "processing":
                memory.end_payment(payment.id, "cancelled")
            return jsonify(asdict(_known(memory.payment(payment.id))))

        return _answer(faults, "close", act)


def _add_refunds(pages: Blueprint, memory: Memory, faults: Faults) -> None:
    """Add the refunds that `boxoffice.payments.sandbox` asks for."""

    @pages.put("/refunds/<refund_id>")
    def refund(refund_id: str) -> Response:
        def act(fault: Fault | None) -> Response:
            body, status = request.get_json(), "pending" if fault and fault.kind == "pending" else "succeeded"
            made = memory.add_refund(refund_id, body["payment_id"], body["amount"], body["currency"], status)
            if made is None:
                return _refusal(409, "less than that is left of the payment")
            return jsonify(asdict(made))

        # What is made already is not refused in the end: a repeat of the call gets the same answer.
        return _answer(faults, "refund", act, can_refuse=memory.refund(refund_id) is None)

    @pages.get("/refunds/<refund_id>")
    def fetch_refund(refund_id: str) -> Response:
        return _answer(faults, "fetch", lambda _: jsonify(asdict(_known_refund(memory.refund(refund_id)))))


def _add_report(pages: Blueprint, memory: Memory, faults: Faults) -> None:
    """Add the balance report that `boxoffice.payments.sandbox` reads."""

    @pages.get("/entries")
    def list_entries() -> Response:
        def act(_: Fault | None) -> Response:
            since, until = (float(request.args[name]) for name in ("since", "until"))
            entries = memory.entries(since, until, int(request.args.get("after", 0)), ENTRIES_OF_PAGE)
            page = [{**entry, "id": str(entry["id"])} for entry in entries[:ENTRIES_OF_PAGE]]
            return jsonify(entries=page, next=page[-1]["id"] if len(entries) > ENTRIES_OF_PAGE else None)

        return _answer(faults, "report", act)

    @pages.get("/balance")
    def list_balances() -> Response:
        return _answer(faults, "report", lambda _: jsonify(memory.balances()))


def _answer(faults: Faults, operation: str, act: Any, *, can_refuse: bool = True) -> Response:
    """Answer a call of the API, in the way that a test may have ordered."""
    fault = faults.take(operation)
    kind = fault.kind if fault else ""
    if not faults.allows(operation) or kind == "busy":
        response = _refusal(429, "too many calls")
        response.headers["Retry-After"] = str(int(fault.seconds if fault else 1))
    elif kind == "error":
        response = _refusal(500, "down")
    elif kind == "refused" and can_refuse:
        response = _refusal(402, "the sandbox was told to refuse this")
    else:
        if fault and kind == "delayed":
            time.sleep(fault.seconds)
        try:
            response = act(fault)
        except HTTPException as error:
            response = make_response(error.get_response())
        if kind == "cut":
            response = _refusal(502, "the answer is lost")
    faults.note(operation, response.status_code)
    return response


def _add_page(pages: Blueprint, memory: Memory, courier: Courier) -> None:
    """Add the page, where a buyer pays or declines."""

    @pages.get("/<uuid:payment_id>")
    def show(payment_id: UUID) -> AnyResponse | str:
        payment = _known(memory.payment(str(payment_id)))
        return jsonify(asdict(payment)) if _wants_json() else render_template("sandbox.html", payment=payment)

    @pages.post("/<uuid:payment_id>")
    def decide(payment_id: UUID) -> AnyResponse | str:
        payment = _known(memory.payment(str(payment_id)))
        choice = request.get_json() if request.is_json else request.form
        if choice.get("outcome") not in OUTCOMES:
            abort(make_response(jsonify(message=f"outcome is one of {[*OUTCOMES]}"), 400))
        repeats, delay = min(int(choice.get("repeat", 1)), MOST_REPEATS), float(choice.get("delay", 0))
        deliveries = _decide(memory, courier, payment, choice["outcome"], repeats, delay)
        payment = _known(memory.payment(str(payment_id)))
        if _wants_json():
            return jsonify(payment=asdict(payment), deliveries=[asdict(delivery) for delivery in deliveries])
        return render_template("sandbox.html", payment=payment, deliveries=deliveries)


def _decide(
    memory: Memory, courier: Courier, payment: Payment, outcome: str, repeats: int, delay: float
) -> list[Delivery]:
    """End a payment, and send its webhook at once unless it is delayed. Return the API's answers."""
    status, kind = OUTCOMES[outcome]
    webhook = _webhook(payment, kind)
    if not memory.end_payment(payment.id, status, webhook, delay=delay) or delay:
        return []
    first = courier.deliver(webhook[0])
    return [first, *(courier.send(webhook[1].encode()) for _ in range(repeats - 1))]


def _webhook(payment: Payment, kind: str, **more: Any) -> tuple[str, str]:
    """Return the id and the body of a webhook about a payment."""
    event_id = f"evt_{uuid.uuid4()}"
    event = {"id": event_id, "type": kind, "payment_id": payment.id}
    return event_id, json.dumps({**event, "amount": payment.amount, "currency": payment.currency, **more})


def _add_controls(pages: Blueprint, memory: Memory, faults: Faults, courier: Courier) -> None:
    """Add what tests order."""

    @pages.post("/control/faults")
    def order_fault() -> Response:
        body = request.get_json()
        if body["operation"] not in OPERATIONS or body["kind"] not in KINDS:
            return _refusal(400, f"operation is one of {OPERATIONS}, kind is one of {KINDS}")
        faults.order(body["operation"], Fault(body["kind"], float(body.get("seconds", 1))), int(body.get("times", 1)))
        return Response(status=204)

    @pages.post("/control/pace")
    def set_pace() -> Response:
        faults.set_pace(request.get_json()["calls_per_second"])
        return Response(status=204)

    @pages.post("/control/webhooks")
    def set_webhooks() -> Response:
        body = request.get_json()
        courier.api, courier.first_wait = body["url"], float(body.get("first_wait", FIRST_WAIT))
        return Response(status=204)

    @pages.post("/control/forget")
    def forget() -> Response:
        faults.forget()
        memory.give_up_webhooks()
        return Response(status=204)

    @pages.get("/control/answers")
    def list_answers() -> Response:
        return jsonify([{"at": at, "operation": name, "status": status} for at, name, status in faults.take_answers()])


def _add_dashboard(pages: Blueprint, memory: Memory, courier: Courier) -> None:
    """Add what happens at a provider without the API: ways to pay that take days, reversals, and slow refunds."""

    @pages.get("/control/payments/<uuid:payment_id>")
    def get_payment(payment_id: UUID) -> Response:
        payment = _known(memory.payment(str(payment_id)))
        refunds = [asdict(refund) for refund in memory.refunds(payment.id)]
        return jsonify({**asdict(payment), "refunds": refunds, "reversals": memory.reversals(payment.id)})

    @pages.post("/control/payments/<uuid:payment_id>")
    def set_payment(payment_id: UUID) -> Response:
        payment, body = _known(memory.payment(str(payment_id))), request.get_json()
        amount, status = body.get("amount", payment.amount), body["status"]
        webhook = _webhook(payment, f"payment.{status}", amount=amount)
        if memory.end_payment(payment.id, status, webhook, amount=amount):
            courier.deliver(webhook[0])
        return jsonify(asdict(_known(memory.payment(payment.id))))

    @pages.post("/control/payments/<uuid:payment_id>/reversals")
    def reverse(payment_id: UUID) -> Response:
        payment, body = _known(memory.payment(str(payment_id))), request.get_json()
        amount, reference = int(body["amount"]), str(body["reference"])
        webhook = _webhook(payment, body["type"], amount=amount, reference=reference)
        if not memory.set_reversal(reference, payment.id, body["type"], amount, webhook):
            return _refusal(409, "less than that is left of the payment, or it has ended before")
        return jsonify(asdict(courier.deliver(webhook[0])))

    @pages.post("/control/refunds/<refund_id>")
    def set_refund(refund_id: str) -> Response:
        body = request.get_json()
        memory.end_refund(refund_id, body["status"], body.get("reason"))
        return jsonify(asdict(_known_refund(memory.refund(refund_id))))


def _known(payment: Payment | None) -> Payment:
    return payment or abort(_refusal(404, "no such payment"))


def _known_refund(refund: Refund | None) -> Refund:
    return refund or abort(_refusal(404, "no such refund"))


def _refusal(status: int, message: str) -> Response:
    return make_response(jsonify(message=message), status)


def _wants_json() -> bool:
    """Return True if the caller is a program. Browsers get a page."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json"
