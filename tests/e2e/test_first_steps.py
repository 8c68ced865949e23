"""What a developer tries first on a stack that `make run` has started: examples of the API, and a page that sells."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import httpx
import numpy
import pytest
import zxingcpp
from playwright.sync_api import expect

from local.boxoffice import demo_data, example_data
from local.boxoffice.project import BOXOFFICE
from local.stack.supervisor import Stack
from tests.helpers.browser import barriers, browsing, nothing_wrong
from tests.helpers.support import ROOT

NEED_MORE = {"start_google_login", "finish_google_login", "get_payout_file"}
"""The GETs that need a client at Google, or a payout, for which a new account at a bank must be two days old."""
REPEATABLE = {
    "claim_slot",
    "create_api_key",
    "create_door_pass",
    "create_event",
    "create_export",
    "create_gallery",
    "create_order",
    "create_pairing_code",
    "create_service",
    "create_ticket_type",
    "create_upload",
    "create_voucher",
    "create_webhook_endpoint",
    "duplicate_event",
    "invite_member",
    "join_waitlist",
    "log_in",
    "preview_message",
    "record_view",
    "request_password_reset",
    "request_personal_data",
    "resend_order_email",
    "send_order_links",
    "send_phone_code",
    "sign_up",
    "start_payment",
    "subscribe",
    "sync_scans",
}
"""The POSTs that change nothing that their own example needs, so that it works again and again."""


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    """Yield a client of a stack as `make run` starts it."""
    with (
        TemporaryDirectory() as folder,
        Stack(BOXOFFICE, Path(folder), port=0) as stack,
        httpx.Client(base_url=stack.url, timeout=30) as api,
    ):
        demo_data.ensure(stack.url, stack.owner_url)
        example_data.ensure(stack.url, stack.owner_url)
        yield api


def log_in(api: httpx.Client, email: str) -> dict[str, str]:
    """Log in to an account of the demo data. Return the headers of its calls."""
    session = api.post("/v1/sessions", json={"email": email, "password": demo_data.PASSWORD}).json()
    return {"Authorization": f"Bearer {session['access_token']}"}


def operations(api: httpx.Client, wanted: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the description of each operation with a method, from the document that the stack shows."""
    for path, methods in api.get("/openapi.json").json()["paths"].items():
        if wanted in methods:
            yield path, methods[wanted]


def try_out(
    api: httpx.Client, method: str, path: str, operation: dict[str, Any], headers: dict[str, str]
) -> httpx.Response:
    """Call an operation with the examples of its parameters and its body, and nothing else."""
    examples: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            examples[parameter["in"]][parameter["name"]] = parameter["example"]
    body = operation.get("requestBody", {"content": {"application/json": {}}})["content"]["application/json"]
    return api.request(
        method,
        path.format(**examples["path"]),
        params=examples["query"],
        headers=examples["header"] | headers,
        json=body.get("example"),
    )


def refused(api: httpx.Client, method: str, names: set[str] | None = None) -> dict[str, str]:
    """Try the operations with a method, all or some, as the organiser or as the admin. Return the other answers."""
    headers = {"public": {}, "admin": log_in(api, demo_data.ADMIN)}
    organiser = log_in(api, demo_data.ORGANISER)
    others = {}
    for path, operation in operations(api, method):
        name = operation["operationId"]
        if names is not None and name not in names:
            continue
        answer = try_out(api, method, path, operation, headers.get(operation["x-who"], organiser))
        declared = str(answer.status_code) in operation["responses"]
        if not declared or answer.status_code >= HTTPStatus.BAD_REQUEST:
            others[name] = f"{answer.status_code} {answer.text[:300]}"
    return others


def test_each_get_works_as_its_example_stands(api: httpx.Client) -> None:
    assert refused(api, "get").keys() == NEED_MORE


def test_examples_of_posts_work_again_and_again(api: httpx.Client) -> None:
    assert {operation["operationId"] for _, operation in operations(api, "post")} >= REPEATABLE
    assert refused(api, "post", REPEATABLE) == {}
    assert refused(api, "post", REPEATABLE) == {}


def test_the_page_of_the_document_tries_an_example_out(api: httpx.Client) -> None:
    with browsing() as context, nothing_wrong(context):
        page = context.new_page()
        page.goto(f"{api.base_url}/docs")
        operation = page.locator("#operations-events-get_event")
        operation.get_by_role("button").first.click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table")
        expect(answer.locator("tbody .response-col_status").first).to_have_text("200")
        expect(answer).to_contain_text(demo_data.EVENT["title"])


def test_a_buyer_gets_a_ticket_in_the_shortest_shop(api: httpx.Client) -> None:
    with serving(ROOT / "docs") as shop, browsing() as context, nothing_wrong(context):
        page = context.new_page()
        page.goto(f"{shop}/shop.html?api={api.base_url}")
        expect(page.get_by_role("heading")).to_have_text(demo_data.EVENT["title"])
        page.get_by_label("Regular, 5000.00 NGN").fill("2")
        page.get_by_label("Name").fill("Élodie علی‌رضا")
        page.get_by_label("Email").fill("elodie@example.com")
        assert barriers(page) == []
        page.get_by_role("button", name="Buy").click()
        with context.expect_page() as opened:
            page.get_by_role("link", name="Pay order").click()
        assert barriers(opened.value) == []
        opened.value.get_by_role("button", name="Pay", exact=True).click()
        qrs = page.get_by_role("img", name="QR of ticket")
        expect(qrs).to_have_count(2)
        expect(page.get_by_role("status")).to_contain_text("is paid")
        assert barriers(page) == []
        texts = {read_qr(qr.screenshot()) for qr in qrs.all()}
    assert len(texts) == 2
    assert all(text.startswith("BO1:") for text in texts)


def read_qr(png: bytes) -> str:
    """Return the text of the QR in a picture."""
    return zxingcpp.read_barcode(cv2.imdecode(numpy.frombuffer(png, numpy.uint8), cv2.IMREAD_COLOR)).text


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the files of a folder, as `python -m http.server` does. Yield the address."""
    handler = partial(QuietHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: Any) -> None:
        pass
