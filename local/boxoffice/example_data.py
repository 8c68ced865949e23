"""Makes what the examples of the API name, so that they work on the local stack as its page of the document shows them.

Each is made by the example of another operation: the gallery by that of `create_gallery`. The organiser of the demo
data is who may call them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

from boxoffice import openapi
from boxoffice.examples import example_of, sample_names
from boxoffice.guest_tokens import subscription_token
from local.boxoffice import SQL, demo_data
from local.boxoffice.demo_data import ORGANISER, PASSWORD, content_of

SOLD_OUT = "Backstage"
_DEMO = {
    "owner": ORGANISER,
    "on_sale": demo_data.EVENT["ticket_types"][0]["name"],
    "sold_out": SOLD_OUT,
    "colleague": demo_data.SCANNER,
    "stranger": demo_data.BUYER,
}
type _Step = tuple[str, str, dict[str, str], dict[str, Any]]
"""What is made: its name, by which operation, and which other names and fields it has than that one's example."""
_STEPS: list[_Step] = [
    ("draft", "create_event", {}, {}),
    ("order", "create_order", {}, {}),
    ("payment", "start_payment", {}, {}),
    ("sold_out_ticket_type", "create_ticket_type", {"draft": "event"}, {"name": SOLD_OUT, "price": 0, "quantity": 2}),
    ("paid_order", "create_order", {"ticket_type": "sold_out_ticket_type"}, {}),
    ("waitlist_entry", "join_waitlist", {}, {"email": ORGANISER}),
    ("voucher", "create_voucher", {}, {}),
    ("gallery", "create_gallery", {}, {}),
    ("upload", "create_upload", {}, {}),
    ("export", "create_export", {}, {}),
    ("cloakroom", "create_service", {}, {}),
    ("claim", "claim_slot", {}, {}),
    ("door_pass", "create_door_pass", {}, {}),
]


def ensure(url: str, owner_url: str) -> None:
    """Make what is missing, most of it through the API. What has ended, such as a hold, is missing too.

    Raises:
        httpx.HTTPError: the API refused something.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection, httpx.Client(base_url=url, timeout=30) as api:
        found = _find(connection)
        if "subscription" not in found:
            connection.execute(SQL.subscribe, {"organisation": found["organisation"], "email": demo_data.BUYER})
        if missing := [step for step in _STEPS if step[0] not in found]:
            session = content_of(api.post("/v1/sessions", json={"email": ORGANISER, "password": PASSWORD}))
            api.headers["Authorization"] = f"Bearer {session['access_token']}"
            _make(api, missing, sample_names() | _new_values() | found)


def document(owner_url: str) -> str:
    """Return the API's document, whose examples name what is there, whom to log in as, and moments to come."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        found = _find(connection)
    if "subscription" in found:
        found["unsubscribe_token"] = subscription_token(UUID(found["subscription"]))
    return openapi.with_examples(sample_names() | _new_values() | found)


def _find(connection: psycopg.Connection) -> dict[str, str]:
    return dict(connection.execute(SQL.find_examples, _DEMO).fetchall())


def _new_values() -> dict[str, str]:
    """Return the values of names that are others each time, such as moments to come."""
    now = datetime.now(UTC).replace(microsecond=0)
    start = now + timedelta(days=30)
    times = {
        "now": now,
        "doors_open_at": start - timedelta(hours=1),
        "starts_at": start,
        "ends_at": start + timedelta(hours=4),
        "next_starts_at": start + timedelta(days=7),
        "pass_ends_at": start - timedelta(days=1),
    }
    written = {name: moment.isoformat() for name, moment in times.items()}
    return {**written, "month": f"{now:%Y-%m}", "email": ORGANISER, "password": PASSWORD, "unique": uuid4().hex[:12]}


def _make(api: httpx.Client, steps: list[_Step], names: dict[str, str]) -> None:
    for name, operation, others, fields in steps:
        named = names | {each: names[other] for each, other in others.items()}
        names[name] = _call(api, operation, named, fields).get("id", "")


def _call(api: httpx.Client, operation: str, names: dict[str, str], fields: dict[str, Any]) -> dict[str, Any]:
    """Call an operation by its example. Return its answer, which is empty if it has none."""
    method, path = _routes()[operation]
    example, headers = example_of(operation, names), {"Idempotency-Key": str(uuid4())}
    answer = api.request(method, path.format(**example.path), json=example.body | fields, headers=headers)
    answer.raise_for_status()
    return answer.json() or {} if answer.content else {}


def _routes() -> dict[str, tuple[str, str]]:
    """Return the method and the path of every operation."""
    paths = json.loads(openapi.committed())["paths"].items()
    return {each["operationId"]: (method, path) for path, methods in paths for method, each in methods.items()}
