"""PATCH /v1/organisations/{organisation_id}"""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import audit, factories
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Answer, Client


def update(api: Client, organisation: UUID, account: UUID, body: Any, **headers: str) -> Answer:
    return api.patch(f"/v1/organisations/{organisation}", body, account=account, headers=headers)


def test_an_owner_changes_what_the_request_has(api: Client, organisation: UUID, owner: UUID) -> None:
    changes = {
        "name": "پارک آزادی",
        "slug": "azadi",
        "logo_url": "https://example.com/logo.png",
        "description": "Konzerte\nunter freiem Himmel 🎶",
        "website": "https://example.com/",
        "contact_email": "hello@example.com",
        "contact_phone": "+2348012345678",
        "postal_address": "1 Hospital Road\nLagos",
        "terms": "# නියම\n\n<script>alert(1)</script> is text here.",
    }

    answer = update(api, organisation, owner, changes)

    assert (answer.status, answer.version) == (200, 2)
    assert {name: answer.json[name] for name in changes} == changes
    assert update(api, organisation, owner, {"website": None}).json == {**answer.json, "website": None, "version": 3}


def test_the_log_has_what_was_there_before_and_after(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    update(api, organisation, owner, {"name": "Hall", "website": "https://example.com"})

    before, after = {"name": "Freedom Park", "website": None}, {"name": "Hall", "website": "https://example.com/"}
    entry, subject = audit.only_entry(conn), f"organisation {organisation}"
    assert (entry.chain, entry.actor, entry.action, entry.subject) == (
        organisation,
        owner,
        "update_organisation",
        subject,
    )
    assert entry.details == {"before": before, "after": after}


def test_a_slug_belongs_to_one_and_is_free_once_it_is_given_up(
    api: Client, conn: Connection, organisation: UUID, owner: UUID
) -> None:
    other_owner = factories.account(conn)
    other = factories.organisation(conn, owner=other_owner)

    refused = update(api, other, other_owner, {"slug": "freedom-park"})

    assert (refused.status, refused.code) == (409, "slug_taken")
    assert update(api, organisation, owner, {"slug": "freedom-park"}).status == 200, "it keeps its own"
    assert update(api, organisation, owner, {"slug": "freedom-hall"}).status == 200
    assert update(api, other, other_owner, {"slug": "freedom-park"}).status == 200


def test_an_edit_of_an_old_version_is_refused(api: Client, organisation: UUID, owner: UUID) -> None:
    assert update(api, organisation, owner, {"name": "Hall"}, **{"if-match": '"1"'}).status == 200
    stale = update(api, organisation, owner, {"name": "Park"}, **{"if-match": '"1"'})
    assert (stale.status, stale.code, stale.json["version"]) == (412, "stale_version", 2)


WRONG = [
    {"name": ""},
    {"name": None},
    {"name": "\n"},
    {"slug": "Freedom"},
    {"slug": "admin"},
    {"slug": None},
    {"logo_url": "http://example.com/logo.png"},
    {"logo_url": "data:image/svg+xml,<svg/>"},
    {"website": "javascript:alert(1)"},
    {"website": "https://ada:secret@example.com"},
    {"contact_email": "Ada <ada@example.com>"},
    {"contact_phone": "0801"},
    {"postal_address": "\u200b"},
    {"postal_address": "x" * 501},
    {"terms": "x" * 40_001},
    {"terms": "a \ud800"},
    {"status": "approved"},
    {"status_reason": "x"},
]


def test_invalid_bodies_are_refused(api: Client, conn: Connection, organisation: UUID, owner: UUID) -> None:
    with unchanged(conn):
        for body in WRONG:
            assert update(api, organisation, owner, body).status == 422, body


@pytest.mark.parametrize("role", ["scanner", "manager"])
def test_lower_roles_are_refused(api: Client, conn: Connection, organisation: UUID, role: str) -> None:
    member = factories.member(conn, organisation, role)

    assert update(api, organisation, member, {"name": "Hall"}).status == 403
