"""What a program may do with an API key, and until when."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from boxoffice import credentials
from boxoffice.guest_tokens import order_token, ticket_token
from boxoffice.scopes import Scope, allows
from tests.helpers import factories
from tests.helpers.support import Answer, Client, Database, as_owner


def orders(api: Client, organisation: UUID, key: str, **options: Any) -> Answer:
    headers = {"X-Api-Key": key, **options.pop("headers", {})}
    return api.get(f"/v1/organisations/{organisation}/orders", headers=headers, **options)


def test_a_scope_to_write_includes_the_one_to_read_the_same() -> None:
    assert allows(["orders:write"], Scope.ORDERS_READ)
    assert allows(["orders:read"], Scope.ORDERS_READ)
    assert not allows(["orders:read"], Scope.ORDERS_WRITE)
    assert not allows(["events:write", "money:write", "scan"], Scope.ORDERS_READ)
    assert not allows([], Scope.SCAN)


def test_without_the_scope_the_answer_names_it(api: Client, conn: Connection, organisation: UUID) -> None:
    answer = orders(api, organisation, factories.api_key(conn, organisation, "events:write", "scan")[1])

    assert (answer.status, answer.code, answer.json["required_scope"]) == (403, "out_of_scope", "orders:read")


def test_a_key_that_ends_elsewhere_is_refused_within_half_a_minute(
    api: Client, conn: Connection, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id, key = factories.api_key(conn, organisation)
    assert orders(api, organisation, key).status == 200
    with as_owner(conn) as owner:
        owner.execute("UPDATE api_keys SET revoked_at = now() WHERE id = %s", [key_id])
    now = time.monotonic()

    monkeypatch.setattr(time, "monotonic", lambda: now + 29)
    believed = orders(api, organisation, key).status
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)

    assert (believed, orders(api, organisation, key).status) == (200, 401)


def test_a_key_expires_to_the_second(
    api: Client, conn: Connection, organisation: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = factories.api_key(conn, organisation, expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert orders(api, organisation, key).status == 200  # and is believed from now on

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=1)

    monkeypatch.setattr(credentials, "datetime", Later)

    assert orders(api, organisation, key).status == 401


@pytest.mark.parametrize("key", ["", " ", "x", "boxoffice_key_", "boxoffice_key_" + "0" * 40, "\u00e9"])
def test_a_wrong_key_is_refused_on_public_routes_too(api: Client, key: str) -> None:
    answer = api.get("/v1/events", headers={"X-Api-Key": key})

    assert (answer.status, answer.code, answer.headers["www-authenticate"]) == (401, "unauthenticated", "Bearer")


def test_a_request_has_one_credential(api: Client, conn: Connection, organisation: UUID) -> None:
    _, key = factories.api_key(conn, organisation)
    owner = factories.member(conn, organisation, "owner")

    answer = orders(api, organisation, key, account=owner)

    assert (answer.status, answer.json["detail"]) == (401, "Send an access token or an API key, not both.")


def test_a_key_outlives_the_membership_of_its_maker(api: Client, conn: Connection, organisation: UUID) -> None:
    owner = factories.member(conn, organisation, "owner")
    path = f"/v1/organisations/{organisation}/api-keys"
    key = api.post(path, {"name": "Shop", "scopes": ["orders:read"]}, account=owner).json["key"]
    conn.execute("DELETE FROM members WHERE account_id = %s", [owner])

    assert orders(api, organisation, key).status == 200


def test_a_suspended_organisations_key_reads_and_sells_nothing(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    _, key = factories.api_key(conn, organisation)
    conn.execute("UPDATE organisations SET status = 'suspended', status_reason = 'x' WHERE id = %s", [organisation])

    sold = api.post("/v1/orders", factories.order_request(ticket_type), key="new", headers={"X-Api-Key": key})

    assert orders(api, organisation, key).status == 200
    assert (sold.status, sold.code) == (409, "seller_suspended")


def test_an_order_that_a_key_places_belongs_to_nobody_and_repeats_with_another_key(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    keys = [factories.api_key(conn, organisation, "orders:write")[1] for _ in range(2)]
    request = factories.order_request(ticket_type)

    first, repeat = (api.post("/v1/orders", request, key="once", headers={"X-Api-Key": key}) for key in keys)

    assert (first.status, repeat.status, repeat.json) == (201, 201, first.json)
    assert repeat.headers["idempotent-replayed"] == "true"
    assert conn.execute("SELECT account_id FROM orders").fetchall() == [(None,)]
    assert api.get(f"/v1/orders/{first.json['id']}", order_token=first.json["access_token"]).status == 200


def test_guests_cannot_use_up_the_idempotency_keys_of_a_shop(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "orders:write")
    request = factories.order_request(ticket_type)

    guest = api.post("/v1/orders", request, key="cart-17")
    shop = api.post("/v1/orders", request, key="cart-17", headers={"X-Api-Key": key})

    assert (guest.status, shop.status) == (201, 201)
    assert guest.json["id"] != shop.json["id"]


def test_what_a_key_changes_is_in_the_audit_log(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    key_id, key = factories.api_key(conn, organisation, "money:write")
    order = factories.order(conn, ticket_type)

    answer = api.post(
        f"/v1/orders/{order}/mark-paid", {"method": "cash", "note": "desk"}, key="new", headers={"X-Api-Key": key}
    )

    assert answer.status == 200, answer.body
    entries = conn.execute("SELECT actor_kind, actor_id, action FROM audit_log WHERE chain = %s", [organisation])
    assert entries.fetchall() == [("key", key_id, "mark_order_paid")]
    assert conn.execute("SELECT actor_id FROM order_history").fetchall() == [(key_id,)]


def test_the_platforms_money_matters_are_not_there_for_a_key(api: Client, conn: Connection, organisation: UUID) -> None:
    _, key = factories.api_key(conn, organisation)

    answer = api.get(f"/v1/organisations/{UUID(int=0)}/money-matters", headers={"X-Api-Key": key})

    assert (answer.status, answer.code) == (404, "not_found")


def test_a_key_lists_its_own_drafts_and_what_everybody_sees_of_others(
    api: Client, conn: Connection, organisation: UUID, event: UUID, draft: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "events:read")
    other = factories.organisation(conn)
    theirs = factories.event(conn, organisation_id=other)
    factories.event(conn, organisation_id=other, status="draft")

    def listed(**query: Any) -> set[str]:
        answer = api.get("/v1/events", headers={"X-Api-Key": key}, query=query)
        return {each["id"] for each in answer.json["items"]}

    assert listed(organisation_id=organisation) == {str(event), str(draft)}
    assert listed(organisation_id=other) == {str(theirs)}
    assert listed() == {str(event), str(theirs)}


def test_no_cache_shows_everybody_what_a_key_sees(
    api: Client, conn: Connection, organisation: UUID, event: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "events:read")
    hidden = factories.ticket_type(conn, event_id=event, hidden=True)
    path = f"/v1/events/{event}/availability"

    seen, shown = api.get(path, headers={"X-Api-Key": key}), api.get(path)

    assert [str(hidden) in answer.body.decode() for answer in (seen, shown)] == [True, False]
    assert [answer.headers["cache-control"] for answer in (seen, shown)] == [
        "no-store",
        "public, max-age=1, stale-while-revalidate=2",
    ]


# ----------------------------------------------------------------------------------------------------- last use


def last_used(conn: Connection, key_id: UUID) -> datetime | None:
    with as_owner(conn) as owner:
        (moment,) = owner.execute("SELECT last_used_at FROM api_keys WHERE id = %s", [key_id]).fetchone() or (None,)
    return moment


def set_last_used(conn: Connection, key_id: UUID, ago: str) -> None:
    with as_owner(conn) as owner:
        owner.execute("UPDATE api_keys SET last_used_at = now() - %s::interval WHERE id = %s", [ago, key_id])
    credentials.forget()


def test_the_last_use_is_written_once_a_minute(api: Client, conn: Connection, organisation: UUID) -> None:
    key_id, key = factories.api_key(conn, organisation)
    assert last_used(conn, key_id) is None

    orders(api, organisation, key)
    first = last_used(conn, key_id)
    credentials.forget()
    orders(api, organisation, key)
    assert first == last_used(conn, key_id)

    for ago, is_written in (("59 seconds", False), ("61 seconds", True)):
        set_last_used(conn, key_id, ago)
        before = last_used(conn, key_id)
        orders(api, organisation, key)
        assert (last_used(conn, key_id) != before) is is_written


def test_a_use_never_waits_for_somebody_who_has_locked_the_key(
    api: Client, conn: Connection, database: Database, organisation: UUID
) -> None:
    key_id, key = factories.api_key(conn, organisation)
    with psycopg.connect(database.owner_url) as other:
        other.execute("SELECT FROM api_keys WHERE id = %s FOR UPDATE", [key_id])

        assert orders(api, organisation, key).status == 200

    assert last_used(conn, key_id) is None


def test_a_refused_key_was_not_used(api: Client, conn: Connection, organisation: UUID) -> None:
    keys = [
        factories.api_key(conn, organisation, expires_at=factories.NOW),
        factories.api_key(conn, organisation, revoked_at=factories.NOW),
    ]

    assert [orders(api, organisation, key).status for _, key in keys] == [401, 401]
    assert [last_used(conn, key_id) for key_id, _ in keys] == [None, None]


def test_a_guests_token_opens_nothing_of_another_organisation_to_a_key(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    order = factories.paid_order(conn, ticket_type, quantity=1)
    (ticket,) = conn.execute("SELECT id FROM tickets WHERE order_id = %s", [order]).fetchone() or ()
    keys = [factories.api_key(conn, owner)[1] for owner in (organisation, factories.organisation(conn))]
    token = order_token(order)

    for path in (f"/v1/orders/{order}", f"/v1/tickets/{ticket}", f"/v1/tickets/{ticket}/qr"):
        statuses = [api.get(path, order_token=token, headers={"X-Api-Key": key}).status for key in keys]
        assert statuses == [200, 404], path

    conn.execute(
        "UPDATE tickets SET transfer_count = 1, holder_email = 'b@x.org', former_hashes = ARRAY[qr_hash] WHERE id = %s",
        [ticket],
    )
    token = ticket_token(ticket, 1)
    statuses = [api.get(f"/v1/tickets/{ticket}", order_token=token, headers={"X-Api-Key": key}).status for key in keys]
    assert statuses == [200, 404]


# ------------------------------------------------------------------------------------------- the buyer's address


def buckets(conn: Connection) -> list[str]:
    """Return what counts for the buyer beside the address."""
    found = conn.execute("SELECT bucket FROM rate_limits WHERE bucket NOT LIKE '% eve@example.com' ORDER BY bucket")
    return [bucket for (bucket,) in found.fetchall()]


def buy(api: Client, ticket_type: UUID, **headers: str) -> Answer:
    """Try a wrong voucher, which counts against the address."""
    buyer = {"name": "Eve", "email": "eve@example.com"}
    request = factories.order_request(ticket_type, voucher="WRONG", buyer=buyer)
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return api.post("/v1/orders", request, key="new", headers=sent, address="203.0.113.7")


def test_a_trusted_shop_passes_its_buyers_address_on(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "orders:write", "buyers:address")

    for address in ("198.51.100.10", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"):
        assert buy(api, ticket_type, x_api_key=key, x_buyer_address=address).status == 404
    assert buy(api, ticket_type, x_api_key=key).status == 404

    assert buckets(conn) == [
        f"voucher {organisation} address 198.51.100.10 of {organisation}",
        f"voucher {organisation} address 2001:db8:1:2::/64 of {organisation}",
        f"voucher {organisation} address 203.0.113.7",
    ]


def test_a_shop_cannot_use_up_what_an_address_may_do_elsewhere(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "orders:write", "buyers:address")
    for _ in range(11):
        refused = buy(api, ticket_type, x_api_key=key, x_buyer_address="203.0.113.7")

    assert refused.status == 429
    assert buy(api, factories.ticket_type(conn)).status == 404


def test_the_audit_log_keeps_the_address_that_a_key_was_used_from(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "events:write", "buyers:address")
    headers = {"X-Api-Key": key, "X-Buyer-Address": "198.51.100.10"}

    assert api.patch(f"/v1/ticket-types/{ticket_type}", {"name": "VIP"}, headers=headers).status == 200

    values = {value for (value,) in conn.execute("SELECT value FROM audit_values").fetchall()}
    assert "203.0.113.7" in values
    assert "198.51.100.10" not in values


def test_what_is_no_address_is_refused(api: Client, conn: Connection, organisation: UUID, ticket_type: UUID) -> None:
    _, key = factories.api_key(conn, organisation, "orders:write", "buyers:address")

    answer = buy(api, ticket_type, x_api_key=key, x_buyer_address="198.51.100.10:80")

    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.json["errors"][0]["loc"] == ["header", "X-Buyer-Address"]


def test_without_the_scope_the_address_is_refused(
    api: Client, conn: Connection, organisation: UUID, ticket_type: UUID
) -> None:
    _, key = factories.api_key(conn, organisation, "orders:write")

    answer = buy(api, ticket_type, x_api_key=key, x_buyer_address="198.51.100.10")

    assert (answer.status, answer.code, answer.json["required_scope"]) == (403, "out_of_scope", "buyers:address")


def test_nobody_else_passes_an_address_on(api: Client, conn: Connection, organisation: UUID, ticket_type: UUID) -> None:
    assert buy(api, ticket_type, x_buyer_address="198.51.100.10", x_edge_secret="guess").status == 404

    assert buckets(conn) == [f"voucher {organisation} address 203.0.113.7"]
