"""Pages for developers: the captured emails and text messages, the pages that emails link to, and pictures."""

from __future__ import annotations

import mimetypes
from dataclasses import asdict
from http.client import OK
from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, Response, abort, jsonify, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from boxoffice.languages import written_in
from local.boxoffice.policy import guarded
from local.stack.inbox import Inbox
from local.stack.project import RunningStack

if TYPE_CHECKING:
    from local.boxoffice.email_samples import CastName

EMAILS = "/_local/emails"
EMAILS_SHOWN = 100
LARGEST_PICTURE = 20 * 2**20
NAMED_PAGES = [
    "confirm-email",
    "confirm-order",
    "confirm-order-email",
    "confirm-subscription",
    "confirm-waitlist",
    "forgot-password",
    "log-in",
    "personal-data",
    "reset-password",
    "undo-email-change",
    "unsubscribe",
]
"""The pages whose paths are names. Their templates have the same names."""


def start(_: RunningStack) -> Blueprint:
    """Make the page that says where to go."""
    pages = guarded(Blueprint("start", __name__, template_folder="html"))

    @pages.get("/")
    def index() -> AnyResponse | str:
        from local.boxoffice import demo_data  # it imports a client, which only this page needs

        if _wants_json():
            return jsonify(docs="/docs", openapi="/openapi.json", health="/health", emails=EMAILS)
        return render_template("start.html", emails=EMAILS, accounts=demo_data.ACCOUNTS, password=demo_data.PASSWORD)

    return pages


def document(stack: RunningStack) -> Blueprint:
    """Let the examples of the API's document, and of the page to try it, name what the demo data are."""
    pages = Blueprint("document", __name__)

    @pages.after_app_request
    def with_examples(response: Response) -> Response:
        if request.path in ("/openapi.json", "/docs") and response.status_code == OK:
            from boxoffice import openapi
            from local.boxoffice import example_data

            text = example_data.document(stack.owner_url)
            if request.path == "/docs":
                text = openapi.page(text)
                response.headers["Content-Security-Policy"] = openapi.policy_of(text)
            response.set_data(text)
            response.headers["Cache-Control"] = "no-store"
        return response

    return pages


def emails(stack: RunningStack) -> Blueprint:
    """Make the pages of the captured emails and text messages."""
    inbox = Inbox(stack.emails)
    pages = guarded(Blueprint("emails", __name__, url_prefix=EMAILS, template_folder="html"))

    @pages.get("")
    def index() -> AnyResponse | str:
        limit = request.args.get("limit", EMAILS_SHOWN, type=int)
        entries = inbox.entries(to=request.args.get("to"))
        if _wants_json():
            return jsonify(items=[asdict(entry) for entry in entries[:limit]], total=len(entries))
        return render_template("emails.html", entries=entries[:limit], total=len(entries))

    @pages.get("/previews")
    def previews() -> str:
        from local.boxoffice import email_samples

        return render_template("previews.html", names=email_samples.names(), languages=email_samples.shown_languages())

    @pages.get("/previews/<language>/<cast>/<name>")
    def preview(language: str, cast: CastName, name: str) -> str:
        from local.boxoffice import email_samples

        names, casts, languages = email_samples.names(), email_samples.CASTS, email_samples.shown_languages()
        if language not in languages or cast not in casts or name not in names:
            abort(404)
        with written_in(language):
            content = email_samples.write(name, cast)
        number = names.index(name)
        return render_template(
            "preview.html",
            content=content,
            body=email_samples.page(content),
            languages=languages,
            casts=casts,
            language=language,
            cast=cast,
            name=name,
            before=names[number - 1],
            after=names[(number + 1) % len(names)],
        )

    @pages.get("/<entry_id>")
    def show(entry_id: str) -> str:
        entry = next((entry for entry in inbox.entries() if entry.id == entry_id), None) or abort(404)
        return render_template("email.html", entry=entry, body=inbox.html(entry_id))

    @pages.get("/<entry_id>.eml")
    def raw(entry_id: str) -> Response:
        content = inbox.raw(entry_id)
        return Response(content, content_type="message/rfc822") if content else abort(404)

    return pages


def shop(_: RunningStack) -> Blueprint:
    """Make the shop's pages that emails link to."""
    pages = guarded(Blueprint("shop", __name__, template_folder="html"))

    @pages.get("/orders/<uuid:order_id>")
    def order(order_id: UUID) -> str:
        return render_template("order.html", order_id=order_id)

    @pages.get("/tickets/<uuid:ticket_id>")
    def ticket(ticket_id: UUID) -> str:
        return render_template("ticket.html", ticket_id=ticket_id)

    @pages.get("/transfers/<uuid:_>")
    def transfer(_: UUID) -> str:
        return render_template("transfer.html")

    @pages.get("/waitlist/<uuid:entry_id>")
    def waitlist(entry_id: UUID) -> str:
        return render_template("waitlist.html", entry_id=entry_id)

    @pages.get("/invitations/<uuid:_>")
    def invitation(_: UUID) -> str:
        return render_template("invitation.html")

    @pages.get(f"/<any({', '.join(map(repr, NAMED_PAGES))}):page>")
    def named(page: str) -> str:
        return render_template(f"{page.replace('-', '_')}.html")

    return pages


def pictures(_: RunningStack) -> Blueprint:
    """Make the addresses of pictures, as the deployment's CDN serves them from the bucket."""
    pages = Blueprint("pictures", __name__, url_prefix="/pictures")

    @pages.get("/<path:name>")
    def show(name: str) -> Response:
        from boxoffice import storage
        from boxoffice.config import settings

        content = storage.get(settings().media_bucket, f"pictures/{name}", LARGEST_PICTURE)
        kind = mimetypes.guess_type(name)[0]
        if content is None or kind not in ("image/webp", "image/jpeg"):
            abort(404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(content, content_type=kind, headers=headers)

    return pages


def _wants_json() -> bool:
    """Return True if the caller is a program. Browsers get a page."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json"
