"""A stub of Stripe: localstripe, with idempotency keys added, which can fail in the ways that a provider can.

It is a process of its own: ``python -m tests.helpers.stripe_server PORT``. ``POST /_config/mode/{mode}`` sets how it
answers. ``GET /_config/requests`` lists the requests since the last such call.
"""

import asyncio
import sys
from typing import Any

from aiohttp import web
from localstripe import resources
from localstripe.server import app

_mode = "works"
_requests: list[list[str]] = []
_answers: dict[str, tuple[int, bytes]] = {}


@web.middleware
async def answer_as_mode_says(request: web.Request, handler: Any) -> web.StreamResponse:
    """Fail as the mode says, or hand the request to localstripe."""
    if request.path.startswith("/_config/"):
        return await handler(request)
    key = request.headers.get("Idempotency-Key", "")
    _requests.append([request.method, request.path, key])
    if _mode == "hangs":
        await asyncio.sleep(30)
    if _mode == "error":
        return web.json_response({"error": {"type": "api_error", "message": "down"}}, status=500)
    if _mode in ("busy", "locked"):
        code = "rate_limit" if _mode == "busy" else "lock_timeout"
        error = {"type": "invalid_request_error", "code": code, "message": "Too many requests"}
        return web.json_response({"error": error}, status=429, headers={"Retry-After": "3"})
    if _mode == "html":
        return web.Response(text="<h1>Bad gateway</h1>", content_type="text/html")
    if _mode == "nonsense":
        return web.json_response({"object": "list", "data": 7})
    return await _run_once(request, handler, key)


async def _run_once(request: web.Request, handler: Any, key: str) -> web.StreamResponse:
    """Answer a request, and a repeat of it with the same answer."""
    if key not in _answers:
        response = await handler(request)
        if not key or response.status >= 400:
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


def main(port: int) -> None:
    """Serve until the process is killed."""
    resources.Store.dump_to_disk = lambda _: None
    app.middlewares.insert(1, answer_as_mode_says)
    app.router.add_post("/_config/mode/{mode}", set_mode)
    app.router.add_get("/_config/requests", list_requests)
    app.router.add_post("/_config/forget", forget)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
