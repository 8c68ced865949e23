"""A stub of a provider of challenges, which speaks siteverify as Turnstile, hCaptcha and reCAPTCHA do.

It is a process of its own: ``python -m tests.helpers.challenge_server PORT``. It takes each answer that begins with
``human`` once. ``POST /_config/mode/{mode}`` sets how it answers, and ``GET /_config/requests`` lists what it was sent
since the last such call.
"""

import sys
import time
from typing import Any

from flask import Flask, Response, jsonify, request

from local.stack.server import listen, serve

SECRET = "1x0000000000000000000000000000000AA"
SITE_KEY = "1x00000000000000000000AA"

app = Flask(__name__)
_state: dict[str, Any] = {"mode": "works", "requests": [], "used": set()}


@app.post("/siteverify")
def verify() -> Response | tuple[str, int]:
    form = dict(request.form)
    _state["requests"].append(form)
    if _state["mode"] == "hangs":
        time.sleep(20)
    if _state["mode"] in FAILURES:
        return FAILURES[_state["mode"]]
    refusal = refusal_of(form.get("secret"), form.get("response", ""))
    return jsonify({"success": not refusal, "error-codes": [refusal] if refusal else []})


FAILURES = {"error": ("down", 500), "html": ("<h1>Bad gateway</h1>", 200)}


def refusal_of(secret: str | None, answer: str) -> str | None:
    """Return the error code for an answer, or None if it is right."""
    if _state["mode"] == "internal":
        return "internal-error"
    if secret != SECRET:
        return "invalid-input-secret"
    if answer.startswith("elsewhere"):  # as hCaptcha answers, if another site's challenge was solved
        return "sitekey-secret-mismatch"
    if not answer.startswith("human"):
        return "invalid-input-response"
    if answer in _state["used"] and _state["mode"] != "forgets":
        return "timeout-or-duplicate"
    _state["used"].add(answer)
    return None


@app.post("/_config/mode/<mode>")
def set_mode(mode: str) -> str:
    _state["mode"] = mode
    return ""


@app.get("/_config/requests")
def list_requests() -> Response:
    requests, _state["requests"] = _state["requests"], []
    return jsonify(requests)


if __name__ == "__main__":
    serve(app, listen("127.0.0.1", int(sys.argv[1])))
