"""The pages under `/_local/`: the captured emails."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, abort, jsonify, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from local.inbox import Inbox

SHOWN = 100


def blueprint(inbox: Inbox) -> Blueprint:
    """The pages, to be registered with the gateway's application."""
    pages = Blueprint("local", __name__, url_prefix="/_local", template_folder="html")

    @pages.get("/emails")
    def emails() -> AnyResponse | str:
        limit = request.args.get("limit", SHOWN, type=int)
        entries = inbox.entries(to=request.args.get("to"))
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "application/json":
            return jsonify(items=[asdict(entry) for entry in entries[:limit]], total=len(entries))
        return render_template("emails.html", entries=entries[:limit], total=len(entries))

    @pages.get("/emails/<entry_id>")
    def email(entry_id: str) -> str:
        found = [entry for entry in inbox.entries() if entry.id == entry_id]
        if not found:
            abort(404)
        return render_template("email.html", entry=found[0], body=inbox.html(entry_id))

    @pages.get("/emails/<entry_id>.eml")
    def raw_email(entry_id: str) -> Response:
        raw = inbox.raw(entry_id)
        return Response(raw, content_type="message/rfc822") if raw else abort(404)

    return pages
