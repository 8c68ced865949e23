"""Boxoffice on the local stack: its demo event, and the pages for developers."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from local.boxoffice import ROOT, demo_data, pages
from local.boxoffice.project import BOXOFFICE
from local.stack.supervisor import Stack
from tests.helpers.uploads import picture, send


@contextmanager
def demo_api(folder: Path) -> Iterator[httpx.Client]:
    """Yield a client of a stack with the demo data."""
    with Stack(BOXOFFICE, folder, port=0) as stack, httpx.Client(base_url=stack.url, timeout=30) as api:
        demo_data.ensure(stack.url, stack.owner_url)
        demo_data.ensure(stack.url, stack.owner_url)
        yield api


def idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def place_order(api: httpx.Client, email: str = "ada@example.com") -> Any:
    """Order one ticket of the only event. Return the order."""
    (event,) = api.get("/v1/events").json()["items"]
    ticket_type = api.get(f"/v1/events/{event['id']}").json()["ticket_types"][0]
    body = {
        "items": [{"ticket_type_id": ticket_type["id"], "quantity": 1}],
        "buyer": {"name": "Ada", "email": email},
    }
    answer = api.post("/v1/orders", json=body, headers=idempotency_key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def start_payment(api: httpx.Client, order: dict[str, Any]) -> Any:
    """Start a payment at the sandbox. Return it."""
    path, headers = f"/v1/orders/{order['id']}/payments", as_guest(order) | idempotency_key()
    return api.post(path, json={"provider": "sandbox"}, headers=headers).json()


def status(api: httpx.Client, order: dict[str, Any]) -> str:
    return str(api.get(f"/v1/orders/{order['id']}", headers=as_guest(order)).json()["status"])


def as_guest(order: dict[str, Any]) -> dict[str, str]:
    return {"X-Order-Token": order["access_token"]}


def emails(api: httpx.Client, address: str) -> list[dict[str, Any]]:
    """Return the captured emails to an address."""
    return list(api.get("/_local/emails", params={"to": address}).json()["items"])


def wait_for_email(api: httpx.Client, address: str) -> dict[str, Any]:
    """Wait for the one email to an address. Return it."""
    deadline = time.monotonic() + 15
    while not (captured := emails(api, address)):
        assert time.monotonic() < deadline, "no email came in time"
        time.sleep(0.05)
    (email,) = captured
    return email


def wait_for_email_problem(api: httpx.Client, order: dict[str, Any]) -> None:
    """Wait until SES has told that an order's email came back."""
    deadline = time.monotonic() + 15
    while api.get(f"/v1/orders/{order['id']}", headers=as_guest(order)).json()["email_problem"] != "bounced":
        assert time.monotonic() < deadline, "no feedback came in time"
        time.sleep(0.05)


def wait_for_code(api: httpx.Client, phone: str) -> str:
    """Wait for the text message with a code. Return the code."""
    message = wait_for_email(api, phone)
    assert message["kind"] == "sms"
    return str(message["subject"])[:6]


def show_picture(api: httpx.Client) -> str:
    """Upload a picture as the organiser's browser does, and show it at the only event. Return the path of its URL."""
    login = {"email": "organiser@example.com", "password": demo_data.PASSWORD}
    token = api.post("/v1/sessions", json=login).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    (event,) = api.get("/v1/events").json()["items"]
    content = picture(400, 300)
    body = {"organisation_id": event["organisation_id"], "content_type": "image/jpeg", "size": len(content)}
    asked = api.post("/v1/uploads", json=body, headers=headers).json()
    assert send(asked["form"], content).status_code == 204
    deadline = time.monotonic() + 20
    while (upload := api.get(f"/v1/uploads/{asked['id']}", headers=headers).json())["status"] == "pending":
        assert time.monotonic() < deadline, "nobody looked at the upload"
        time.sleep(0.1)
    assert upload["status"] == "ready", upload
    api.patch(f"/v1/events/{event['id']}", json={"image_id": asked["id"]}, headers=headers)
    (shown,) = api.get("/v1/events").json()["items"]
    return httpx.URL(shown["image"]["url"]).path


def psql(folder: Path, *arguments: str) -> str:
    """Run psql as a developer does. Return what it prints."""
    command = [sys.executable, "-m", "local", "psql", "--state", str(folder), *arguments]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def test_the_demo_event_can_be_bought_and_the_order_survives_a_restart(folder: Path) -> None:
    with demo_api(folder) as api:
        order = place_order(api, buyer := "bounce+ada@simulator.amazonses.com")
        payment = start_payment(api, order)

        page = httpx.get(payment["url"], headers={"Accept": "text/html"}).text
        decided = httpx.post(payment["url"], json={"outcome": "pay", "repeat": 2}, timeout=30).json()

        assert order["number"] in page
        assert [delivery["status"] for delivery in decided["deliveries"]] == [200, 200]
        assert status(api, order) == "paid"
        email = wait_for_email(api, buyer)
        assert "data:image/png;base64," in api.get(f"/_local/emails/{email['id']}").text
        assert len(emails(api, buyer)) == 1
        wait_for_email_problem(api, order)
        assert order["id"] in api.get(email["links"][0]).text
        linked = [*pages.NAMED_PAGES, f"waitlist/{order['id']}"]
        assert all('<form id="form">' in api.get(f"/{page}").text for page in linked)
        assert psql(folder, "-At", "-c", "SELECT status FROM orders") == "paid\n"
        image = show_picture(api)

    with demo_api(folder) as api:
        assert status(api, order) == "paid"
        shown = api.get(image)
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert "immutable" in shown.headers["cache-control"]
        assert api.get(f"{image}x").status_code == 404
        phone = "+12025550100"
        assert api.post("/v1/phone-codes", json={"phone": phone}).status_code == 202
        login = {"phone": phone, "code": wait_for_code(api, phone), "name": "Bola"}
        answer = api.post("/v1/sessions/phone", json=login)
        assert answer.json().get("account", {}).get("phone") == phone, answer.text
        assert "It works for 5 minutes" in api.get("/_local/emails", headers={"Accept": "text/html"}).text


def test_the_demo_data_come_to_a_stack_that_verifies_addresses_too(folder: Path) -> None:
    verifying = replace(BOXOFFICE, parameters={**BOXOFFICE.parameters, "VerifyEmails": "true"})
    with Stack(verifying, folder, port=0) as stack:
        demo_data.ensure(stack.url, stack.owner_url)

        login = {"email": demo_data.ADMIN, "password": demo_data.PASSWORD}
        token = httpx.post(f"{stack.url}/v1/sessions", json=login, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        settings = httpx.get(f"{stack.url}/v1/admin/settings", headers=headers, timeout=30).json()
        assert settings["values"]["verify_emails"] is True
        assert psql(folder, "-At", "-c", "SELECT count(*) FROM accounts") == "4\n"


def test_a_declined_payment_leaves_the_order_pending(folder: Path) -> None:
    with demo_api(folder) as api:
        order = place_order(api)
        payment = start_payment(api, order)

        httpx.post(payment["url"], data={"outcome": "decline"}, timeout=30)

        assert httpx.get(payment["url"]).json()["status"] == "failed"
        assert status(api, order) == "pending"
        assert httpx.post(payment["url"], json={"outcome": "perhaps"}).status_code == 400
