"""An organisation with an event on sale, and an account for each kind of user."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from local.boxoffice import SQL

PASSWORD = "correct horse battery"
ORGANISER, SCANNER, BUYER, ADMIN = (f"{name}@example.com" for name in ("organiser", "scanner", "buyer", "admin"))
ACCOUNTS = {
    ORGANISER: "Olu Organiser",
    SCANNER: "Sade Scanner",
    BUYER: "Bola Buyer",
    ADMIN: "Ada Admin",
}
ORGANISATION = "Lagos Live"
VENUE = {
    "name": "Harbour Amphitheatre",
    "address": "1 Marina Road",
    "city": "Lagos",
    "country": "NG",
    "time_zone": "Africa/Lagos",
}
EVENT: dict[str, Any] = {
    "title": "Lagos Live: Night of Strings",
    "description": "An evening of kora and guitar under the open sky.",
    "category": "concert",
    "venue": VENUE,
    "currency": "NGN",
    "ticket_types": [
        {"name": "Regular", "price": 500_000, "quantity": 5_000},
        {"name": "VIP", "price": 2_500_000, "quantity": 200, "max_per_order": 4},
        {"name": "Community", "price": 0, "quantity": 100, "max_per_order": 2},
    ],
}


def ensure(url: str, owner_url: str) -> None:
    """Make the missing demo data through the API. Once everything is there, this costs one query.

    Raises:
        httpx.HTTPError: the API refused something.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection, httpx.Client(base_url=url, timeout=30) as api:
        if connection.execute(SQL.find_demo_event, {"organisation": ORGANISATION}).fetchone():
            return
        connection.execute(SQL.sign_up_in_one_step)
        organiser, *_ = [_log_in(api, email, name) for email, name in ACCOUNTS.items()]
        organisation_id = _ensure_organisation(api, organiser)
        connection.execute(SQL.sign_up_as_declared)
        connection.execute(SQL.verify_addresses, {"emails": [*ACCOUNTS]})
        _appoint(connection, organisation_id)
        connection.execute(SQL.allow_sms)
        _put_on_sale(api, organiser, organisation_id)
        connection.execute(SQL.forget_attempts)


def _log_in(api: httpx.Client, email: str, name: str) -> dict[str, str]:
    """Sign an account up, or log it in if a run that was cut short has made it."""
    answer = api.post("/v1/accounts", json={"email": email, "password": PASSWORD, "name": name})
    if answer.status_code == httpx.codes.CONFLICT:
        answer = api.post("/v1/sessions", json={"email": email, "password": PASSWORD})
    return {"Authorization": f"Bearer {content_of(answer)['access_token']}"}


def _ensure_organisation(api: httpx.Client, organiser: dict[str, str]) -> str:
    memberships = content_of(api.get("/v1/me", headers=organiser))["memberships"]
    ids = [str(each["organisation_id"]) for each in memberships if each["name"] == ORGANISATION]
    if ids:
        return ids[0]
    return str(content_of(api.post("/v1/organisations", json={"name": ORGANISATION}, headers=organiser))["id"])


def _appoint(connection: psycopg.Connection, organisation_id: str) -> None:
    """Make the scanner and the admin in the database, since no admin is there yet to make another."""
    scanner = {"organisation_id": organisation_id, "email": SCANNER}
    connection.execute(SQL.appoint_scanner, scanner)
    connection.execute(SQL.appoint_admin, {"email": ADMIN})


def _put_on_sale(api: httpx.Client, organiser: dict[str, str], organisation_id: str) -> None:
    starts_at = (datetime.now(UTC) + timedelta(days=30)).replace(hour=18, minute=0, second=0, microsecond=0)
    event = EVENT | {
        "organisation_id": organisation_id,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=4)).isoformat(),
    }
    event_id = content_of(api.post("/v1/events", json=event, headers=organiser))["id"]
    content_of(api.post(f"/v1/events/{event_id}/publish", headers=organiser))


def content_of(answer: httpx.Response) -> dict[str, Any]:
    """Return what an answer says. An error is raised."""
    answer.raise_for_status()
    content: dict[str, Any] = answer.json()
    return content
