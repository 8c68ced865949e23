"""GET /v1/events/{event_id}"""

from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.support import Client


def test_the_public_sees_a_published_event_and_its_availability(
    api: Client, conn: Connection, event: UUID, ticket_type: UUID
) -> None:
    factories.order(conn, ticket_type, quantity=3)
    factories.paid_order(conn, ticket_type, quantity=4)

    answer = api.get(f"/v1/events/{event}")

    assert answer.status == 200
    assert answer.version == 1
    (shown,) = answer.json["ticket_types"]
    assert (shown["id"], shown["quantity"], shown["available"]) == (str(ticket_type), 100, 93)


def test_buyers_see_the_seller_and_how_they_pay(api: Client, conn: Connection) -> None:
    profile = {
        "name": "Ọ̀rẹ́ Shows",
        "slug": "ore-shows",
        "logo_url": "https://example.com/logo.png",
        "website": "https://example.com",
        "contact_email": "hello@example.com",
        "contact_phone": "+2348012345678",
    }
    organisation = factories.organisation(conn, **profile)
    event = factories.event(conn, organisation_id=organisation)
    seats = factories.ticket_type(conn, event_id=event, seated=True)

    shown = api.get(f"/v1/events/{event}").json

    assert shown["seller"] == {"id": str(organisation), "logo": None, **profile}
    assert shown["payment_providers"] == ["flutterwave", "sandbox", "stripe"]
    assert shown["seated"]
    conn.execute("UPDATE ticket_types SET seated = false WHERE id = %s", [seats])
    assert not api.get(f"/v1/events/{event}").json["seated"]


def test_the_description_is_shown_as_html_too(api: Client, manager: UUID, event: UUID) -> None:
    source = "**Jazz**\n\n<script>alert(1)</script> [map](https://example.com)"
    html = (
        "<p><strong>Jazz</strong></p>\n<p>&lt;script&gt;alert(1)&lt;/script&gt; "
        '<a href="https://example.com" rel="nofollow noopener">map</a></p>\n'
    )

    changed = api.patch(f"/v1/events/{event}", {"description": source}, account=manager).json

    for shown in (changed, api.get(f"/v1/events/{event}").json):
        assert (shown["description"], shown["description_html"]) == (source, html)


def test_caches_may_keep_what_strangers_see(api: Client, conn: Connection, event: UUID, organisation: UUID) -> None:
    """For seconds, and then ask with the ETag. Whoever says who they are gets an answer of their own."""
    answer = api.get(f"/v1/events/{event}")
    again = api.get(f"/v1/events/{event}", headers={"if-none-match": answer.headers["etag"]})

    for each in (answer, again):
        assert each.headers["cache-control"] == "public, max-age=5, stale-while-revalidate=30"
        assert each.headers["vary"] == "Authorization, X-Api-Key"
    assert (again.status, again.body) == (304, b"")
    member = factories.member(conn, organisation, "scanner")
    assert api.get(f"/v1/events/{event}", account=member).headers["cache-control"] == "no-store"
    _, key = factories.api_key(conn, organisation)
    assert api.get(f"/v1/events/{event}", headers={"x-api-key": key}).headers["cache-control"] == "no-store"
    assert api.get(f"/v1/events/{new_id()}").headers["cache-control"] == "no-cache"


def test_only_members_see_hidden_ticket_types(
    api: Client, conn: Connection, organisation: UUID, event: UUID, ticket_type: UUID
) -> None:
    hidden = factories.ticket_type(conn, event_id=event, hidden=True)

    def seen(account: UUID | None) -> list[str]:
        return [each["id"] for each in api.get(f"/v1/events/{event}", account=account).json["ticket_types"]]

    assert seen(None) == [str(ticket_type)]
    assert seen(factories.account(conn)) == [str(ticket_type)]
    assert seen(factories.member(conn, organisation, "scanner")) == [str(ticket_type), str(hidden)]


def test_only_members_see_a_draft(api: Client, conn: Connection, organisation: UUID, draft: UUID) -> None:
    rival = factories.account(conn)
    factories.organisation(conn, owner=rival)

    assert api.get(f"/v1/events/{draft}").status == 404
    assert api.get(f"/v1/events/{draft}", account=rival).status == 404
    assert api.get(f"/v1/events/{draft}", account=factories.member(conn, organisation, "scanner")).status == 200


def test_a_deleted_or_unknown_event_is_not_found(api: Client, conn: Connection, organisation: UUID) -> None:
    deleted = factories.event(conn, organisation_id=organisation, deleted_at="now")
    member = factories.member(conn, organisation, "owner")

    assert api.get(f"/v1/events/{deleted}", account=member).status == 404
    assert api.get(f"/v1/events/{new_id()}").status == 404


@pytest.mark.parametrize("event_id", ["1", "null", "%00", "00000000-0000-0000-0000-00000000000g"])
def test_an_invalid_id_is_refused(api: Client, event_id: str) -> None:
    answer = api.get(f"/v1/events/{event_id}")

    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")


def test_an_invalid_token_is_refused_even_if_none_is_needed(api: Client, event: UUID) -> None:
    assert api.get(f"/v1/events/{event}", headers={"authorization": "Bearer nonsense"}).status == 401
