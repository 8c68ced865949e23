"""If-Match: a write of an event, or of what belongs to it, is refused if somebody else has changed that since."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.helpers import factories, invariants
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client

SEATS = {"rows": [{"section": "Stalls", "row": "A", "numbers": ["1", "2"]}]}
WRITES: list[tuple[str, str, dict[str, Any] | None, int]] = [
    ("PATCH", "/v1/events/{event}", {"title": "Jazz"}, 200),
    ("DELETE", "/v1/events/{event}", None, 204),
    ("POST", "/v1/events/{draft}/publish", None, 200),
    ("POST", "/v1/events/{event}/cancel", {"reason": "The singer is ill."}, 200),
    ("PATCH", "/v1/ticket-types/{ticket_type}", {"price": 100}, 200),
    ("PUT", "/v1/ticket-types/{ticket_type}/seats", SEATS, 200),
    ("DELETE", "/v1/ticket-types/{ticket_type}", None, 204),
    ("PATCH", "/v1/vouchers/{voucher}", {"max_redemptions": 5}, 200),
    ("DELETE", "/v1/vouchers/{voucher}", None, 204),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), WRITES)
def test_a_write_of_an_old_version_is_refused(
    api: Client,
    conn: Connection,
    manager: UUID,
    event: UUID,
    draft: UUID,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    status: int,
) -> None:
    factories.ticket_type(conn, event_id=draft)
    factories.ticket_type(conn, event_id=event)
    ticket_type, voucher = factories.ticket_type(conn, event_id=event), factories.voucher(conn, event)
    path = path.format(event=event, draft=draft, ticket_type=ticket_type, voucher=voucher)

    with unchanged(conn):
        for tag in ('"2"', '"0.abc"', "x"):
            refused = api.request(method, path, body, account=manager, headers={"if-match": tag})
            assert (refused.status, refused.code, refused.json["version"]) == (412, "stale_version", 1)
    assert api.request(method, path, body, account=manager, headers={"if-match": '"1.abc"'}).status == status
    invariants.check(conn)
