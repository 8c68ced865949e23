"""Pages for developers: the captured emails, the sandbox provider's payment page, and the pages that emails link to."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, make_response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from local.boxoffice.sandbox import Payment, Sandbox
from local.stack.inbox import Inbox
from local.stack.project import RunningStack

EMAILS_SHOWN = 100


def emails(stack: RunningStack) -> Blueprint:
    """Make the pages of the captured emails."""
    inbox = Inbox(stack.emails)
    pages = Blueprint("emails", __name__, url_prefix="/_local/emails", template_folder="html")

    @pages.get("")
    def index() -> AnyResponse | str:
        limit = request.args.get("limit", EMAILS_SHOWN, type=int)
        entries = inbox.entries(to=request.args.get("to"))
        if _wants_json():
            return jsonify(items=[asdict(entry) for entry in entries[:limit]], total=len(entries))
        return render_template("emails.html", entries=entries[:limit], total=len(entries))

    @pages.get("/<entry_id>")
    def show(entry_id: str) -> str:
        entry = next((entry for entry in inbox.entries() if entry.id == entry_id), None) or abort(404)
        return render_template("email.html", entry=entry, body=inbox.html(entry_id))

    @pages.get("/<entry_id>.eml")
    def raw(entry_id: str) -> Response:
        content = inbox.raw(entry_id)
        return Response(content, content_type="message/rfc822") if content else abort(404)

    return pages


def payments(stack: RunningStack) -> Blueprint:
    """Make the sandbox provider's page, where a buyer pays or declines."""
    sandbox = Sandbox(stack.url, stack.owner_url)
    pages = Blueprint("sandbox", __name__, url_prefix="/_local/sandbox", template_folder="html")

    @pages.get("/<uuid:payment_id>")
    def show(payment_id: UUID) -> AnyResponse | str:
        payment = _or_404(sandbox.payment(payment_id))
        return jsonify(asdict(payment)) if _wants_json() else render_template("sandbox.html", payment=payment)

    @pages.post("/<uuid:payment_id>")
    def decide(payment_id: UUID) -> AnyResponse | str:
        payment = _or_404(sandbox.payment(payment_id))
        choice = request.get_json() if request.is_json else request.form
        if choice.get("outcome") not in ("pay", "decline"):
            abort(make_response(jsonify(message="outcome is pay or decline"), 400))
        deliveries = sandbox.decide(payment, paid=choice["outcome"] == "pay", repeats=int(choice.get("repeat", 1)))
        payment = _or_404(sandbox.payment(payment_id))
        if _wants_json():
            return jsonify(payment=asdict(payment), deliveries=[asdict(delivery) for delivery in deliveries])
        return render_template("sandbox.html", payment=payment, deliveries=deliveries)

    return pages


def shop(_: RunningStack) -> Blueprint:
    """Make the shop's pages that emails link to."""
    pages = Blueprint("shop", __name__, template_folder="html")

    @pages.get("/orders/<uuid:order_id>")
    def order(order_id: UUID) -> str:
        return render_template("order.html", order_id=order_id)

    @pages.get("/tickets/<uuid:ticket_id>")
    def ticket(ticket_id: UUID) -> str:
        return render_template("ticket.html", ticket_id=ticket_id)

    @pages.get("/transfers/<uuid:_>")
    def transfer(_: UUID) -> str:
        return render_template("transfer.html")

    return pages


def _or_404(payment: Payment | None) -> Payment:
    return payment or abort(404)


def _wants_json() -> bool:
    """Return True if the caller is a program. Browsers get a page."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json"
