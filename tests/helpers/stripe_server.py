"""Stripe for tests: localstripe, with idempotency keys, and failing in the ways that a provider can.

A process of its own: ``python -m tests.helpers.stripe_server PORT``. ``POST /_config/mode/{mode}`` sets how it answers;
``GET /_config/requests`` lists what it was asked.
"""

import asyncio
import sys
from typing import Any

from aiohttp import web
from localstripe import resources
from localstripe.server import app

MODES = ("works", "hangs", "error", "html", "nonsense", "deaf")
"""Deaf: does what it is asked, and the answer is lost."""

_mode = "works"
_asked: list[list[str]] = []
_answers: dict[str, tuple[int, bytes]] = {}


@web.middleware
async def between(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer as the mode says, and a repeat as the first time."""
    if request.path.startswith("/_config/"):
        return await handler(request)
    key = request.headers.get("Idempotency-Key", "")
    _asked.append([request.method, request.path, key])
    if _mode == "hangs":
        await asyncio.sleep(30)
    if _mode == "error":
        return web.json_response({"error": {"type": "api_error", "message": "down"}}, status=500)
    if _mode == "html":
        return web.Response(text="<h1>Bad gateway</h1>", content_type="text/html")
    if _mode == "nonsense":
        return web.json_response({"object": "list", "data": 7})
    return await _once(request, handler, key)


async def _once(request: web.Request, handler: Any, key: str) -> web.StreamResponse:
    if key not in _answers:
        response = await handler(request)
        if not key or response.status >= 400:
            return response
        _answers[key] = response.status, response.body
    if _mode == "deaf" and request.transport is not None:
        request.transport.abort()
    status, body = _answers[key]
    return web.Response(body=body, status=status, content_type="application/json")


async def set_mode(request: web.Request) -> web.Response:
    global _mode
    _mode = request.match_info["mode"]
    return web.Response()


async def list_requests(_: web.Request) -> web.Response:
    asked = [*_asked]
    _asked.clear()
    return web.json_response(asked)


async def forget(_: web.Request) -> web.Response:
    """Forget the idempotency keys, as Stripe does after a while."""
    _answers.clear()
    return web.Response()


def main(port: int) -> None:
    resources.Store.dump_to_disk = lambda _: None
    app.middlewares.insert(1, between)
    app.router.add_post("/_config/mode/{mode}", set_mode)
    app.router.add_get("/_config/requests", list_requests)
    app.router.add_post("/_config/forget", forget)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
