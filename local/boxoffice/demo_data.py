"""An organisation with an event on sale, and an account for each kind of user: made through the API, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

PASSWORD = "correct horse battery"
EMAILS = ("organiser@example.com", "scanner@example.com", "buyer@example.com", "admin@example.com")
NAMES = ("Olu Organiser", "Sade Scanner", "Bola Buyer", "Ada Admin")
ORGANISATION = "Lagos Live"
EVENT: dict[str, Any] = {
    "title": "Lagos Live: Night of Strings",
    "description": "An evening of kora and guitar under the open sky.",
    "category": "concert",
    "venue": {
        "name": "Harbour Amphitheatre",
        "address": "1 Marina Road",
        "city": "Lagos",
        "country": "NG",
        "time_zone": "Africa/Lagos",
    },
    "currency": "NGN",
    "ticket_types": [
        {"name": "Regular", "price": 500_000, "quantity": 5_000},
        {"name": "VIP", "price": 2_500_000, "quantity": 200, "max_per_order": 4},
        {"name": "Community", "price": 0, "quantity": 100, "max_per_order": 2},
    ],
}
ON_SALE = """
    SELECT 1 FROM events JOIN organisations ON organisations.id = events.organisation_id
    WHERE organisations.name = %s AND events.status = 'published' AND events.starts_at > now() + interval '1 day'
"""


def ensure(url: str, owner_conninfo: str) -> None:
    """Makes what is missing; costs one query once it is there.

    Raises:
        httpx.HTTPError: the API refused something.
    """
    with psycopg.connect(owner_conninfo, autocommit=True) as connection, httpx.Client(base_url=url, timeout=30) as api:
        if connection.execute(ON_SALE, [ORGANISATION]).fetchone():
            return
        sessions = [_session(api, email, name) for email, name in zip(EMAILS, NAMES, strict=True)]
        organiser = {"Authorization": f"Bearer {sessions[0]['access_token']}"}
        organisation_id = _organisation(api, organiser)
        _appoint(connection, organisation_id)
        _put_on_sale(api, organiser, organisation_id)


def _session(api: httpx.Client, email: str, name: str) -> dict[str, Any]:
    """Signs an account up, or in where a run that was cut short has made it."""
    answer = api.post("/v1/accounts", json={"email": email, "password": PASSWORD, "name": name})
    if answer.status_code == httpx.codes.CONFLICT:
        answer = api.post("/v1/sessions", json={"email": email, "password": PASSWORD})
    return _content(answer)


def _organisation(api: httpx.Client, organiser: dict[str, str]) -> str:
    memberships = _content(api.get("/v1/me", headers=organiser))["memberships"]
    known = [str(each["organisation_id"]) for each in memberships if each["name"] == ORGANISATION]
    if known:
        return known[0]
    return str(_content(api.post("/v1/organisations", json={"name": ORGANISATION}, headers=organiser))["id"])


def _appoint(connection: psycopg.Connection, organisation_id: str) -> None:
    """Scanner and admin are appointed in the database: there is nobody yet to do it through the API."""
    connection.execute(
        "INSERT INTO members (organisation_id, account_id, role) SELECT %s, id, 'scanner' FROM accounts"
        " WHERE email = 'scanner@example.com' ON CONFLICT DO NOTHING",
        [organisation_id],
    )
    connection.execute("UPDATE accounts SET is_admin = true WHERE email = 'admin@example.com'")


def _put_on_sale(api: httpx.Client, organiser: dict[str, str], organisation_id: str) -> None:
    starts_at = (datetime.now(UTC) + timedelta(days=30)).replace(hour=18, minute=0, second=0, microsecond=0)
    event = EVENT | {
        "organisation_id": organisation_id,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=4)).isoformat(),
    }
    event_id = _content(api.post("/v1/events", json=event, headers=organiser))["id"]
    _content(api.post(f"/v1/events/{event_id}/publish", headers=organiser))


def _content(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
