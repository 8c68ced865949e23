"""A stub of Cloudinary's upload and admin APIs, which checks signatures with Cloudinary's own library.

It is a process of its own: ``python -m tests.helpers.cloudinary_server PORT``. ``POST /_config/mode/{mode}`` sets how
it answers, and ``GET /_config/requests`` lists what it was sent since the last such call.
"""

import sys
import time
from io import BytesIO
from typing import Any

from cloudinary.utils import api_sign_request
from flask import Flask, Response, jsonify, request
from PIL import Image, UnidentifiedImageError

from local.stack.server import listen, serve

ACCOUNT = {"cloud_name": "demo", "api_key": "1234", "api_secret": "abcd"}
FAILURES: dict[str, Any] = {
    "error": ("down", 500),
    "html": ("<h1>Bad gateway</h1>", 200),
    "nonsense": ({"width": "wide"}, 200),
}

app = Flask(__name__)
_state: dict[str, Any] = {"mode": "works", "requests": [], "pictures": {}}


@app.before_request
def note() -> Any:
    if request.path.startswith("/_config"):
        return None
    _state["requests"].append({"method": request.method, "path": request.path, "fields": dict(request.form)})
    return FAILURES.get(_state["mode"])


@app.post("/v1_1/demo/image/upload")
def upload() -> tuple[Response, int]:
    fields = dict(request.form)
    refusal = refusal_of(fields, fields.pop("signature", ""), fields.pop("api_key", ""))
    name = fields.get("public_id", "")
    if refusal:
        return jsonify({"error": {"message": refusal}}), 401
    if fields.get("overwrite") == "false" and name in _state["pictures"]:
        return jsonify(_state["pictures"][name]), 200
    try:
        image = Image.open(BytesIO(request.files["file"].read()))
    except UnidentifiedImageError:
        return jsonify({"error": {"message": "Invalid image file"}}), 400
    kind = str(image.format).lower().replace("jpeg", "jpg")
    if kind not in fields["allowed_formats"].split(","):
        return jsonify({"error": {"message": f"Image file format {kind} not allowed"}}), 400
    found = {"public_id": name, "version": 1712, "width": image.width, "height": image.height, "format": kind}
    _state["pictures"][name] = found
    return jsonify(found), 200


def refusal_of(fields: dict[str, str], signature: str, api_key: str) -> str:
    """Return why a form is refused, or nothing if it is right."""
    if api_key != ACCOUNT["api_key"]:
        return f"Unknown API key {api_key}"
    if signature != api_sign_request(fields, ACCOUNT["api_secret"], algorithm="sha256"):
        return "Invalid Signature"
    if abs(time.time() - int(fields["timestamp"])) > 3600:
        return "Stale request"
    return ""


@app.get("/v1_1/demo/resources/image/upload/<name>")
def show(name: str) -> tuple[Response, int]:
    if not _is_ours():
        return jsonify({"error": {"message": "unknown api_key"}}), 401
    if name not in _state["pictures"]:
        return jsonify({"error": {"message": f"Resource not found - {name}"}}), 404
    return jsonify(_state["pictures"][name]), 200


@app.post("/v1_1/demo/image/destroy")
def destroy() -> tuple[Response, int]:
    if not _is_ours():
        return jsonify({"error": {"message": "unknown api_key"}}), 401
    found = _state["pictures"].pop(request.form["public_id"], None)
    return jsonify({"result": "ok" if found else "not found"}), 200


def _is_ours() -> bool:
    login = request.authorization
    return login is not None and (login.username, login.password) == (ACCOUNT["api_key"], ACCOUNT["api_secret"])


@app.post("/_config/mode/<mode>")
def set_mode(mode: str) -> str:
    _state["mode"] = mode
    return ""


@app.get("/_config/requests")
def take_requests() -> Response:
    requests, _state["requests"] = _state["requests"], []
    return jsonify(requests)


if __name__ == "__main__":
    serve(app, listen("127.0.0.1", int(sys.argv[1])))
