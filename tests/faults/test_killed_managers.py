"""A process dies at any round trip while it changes an event. Then it has changed everything or nothing."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from boxoffice.auth import Caller, Who
from boxoffice.events import copies, service
from boxoffice.events.models import DuplicateRequest, EventPatch, EventRequest
from boxoffice.ids import new_id
from boxoffice.ticket_types import service as ticket_types
from boxoffice.ticket_types.models import TicketTypePatch
from boxoffice.vouchers import service as vouchers
from boxoffice.vouchers.models import Free, VoucherRequest
from tests.helpers import factories, invariants
from tests.helpers.operations import event_request, ticket_type_request
from tests.helpers.racing import die_at, wait_for_rollbacks
from tests.helpers.snapshots import snapshot
from tests.helpers.support import Client, Database

type Change = Callable[[Connection], object]


def draft(organisation: UUID, manager: Caller, _: UUID, __: UUID) -> Change:
    body = {**event_request(organisation), "ticket_types": [ticket_type_request()] * 2}
    request = EventRequest.model_validate(body)
    return lambda conn: service.create_event(conn, manager, request)


def grow(_: UUID, manager: Caller, __: UUID, ticket_type: UUID) -> Change:
    return lambda conn: ticket_types.update_ticket_type(conn, manager, ticket_type, TicketTypePatch(quantity=900), None)


def shrink(_: UUID, manager: Caller, __: UUID, ticket_type: UUID) -> Change:
    return lambda conn: ticket_types.update_ticket_type(conn, manager, ticket_type, TicketTypePatch(quantity=30), None)


def delete(_: UUID, manager: Caller, __: UUID, ticket_type: UUID) -> Change:
    return lambda conn: ticket_types.delete_ticket_type(conn, manager, ticket_type)


def set_capacity(_: UUID, manager: Caller, event: UUID, __: UUID) -> Change:
    return lambda conn: service.update_event(conn, manager, event, EventPatch(capacity=20), None)


def create_voucher(_: UUID, manager: Caller, event: UUID, ticket_type: UUID) -> Change:
    request = VoucherRequest(code="TENTH", discount=Free(kind="free"), ticket_type_ids=[ticket_type])
    return lambda conn: vouchers.create_voucher(conn, manager, event, request)


def duplicate(_: UUID, manager: Caller, event: UUID, __: UUID) -> Change:
    starts = [factories.NOW + timedelta(days=days) for days in (40, 50)]
    request, key = DuplicateRequest(starts_at=starts), str(new_id())
    return lambda conn: copies.duplicate_event(conn, manager, event, request, key)


@pytest.mark.parametrize("make", [draft, grow, shrink, delete, set_capacity, create_voucher, duplicate])
def test_a_change_that_is_killed_is_made_wholly_or_not_at_all(
    api: Client, database: Database, conn: Connection, make: Callable[[UUID, Caller, UUID, UUID], Change]
) -> None:
    organisation = factories.organisation(conn)
    manager = Caller(Who.MANAGER, factories.member(conn, organisation, "manager"))
    event = factories.event(conn, organisation_id=organisation, status="draft")
    change = make(organisation, manager, event, factories.ticket_type(conn, event_id=event))
    before = snapshot(conn)

    def act(conn: Connection) -> None:
        with conn.transaction():
            change(conn)

    moment = 0
    while die_at(database, moment, act) and conn.execute("SELECT FROM audit_log").fetchone() is None:
        wait_for_rollbacks(conn)
        assert snapshot(conn) == before
        moment += 1
    wait_for_rollbacks(conn)

    assert moment > 8
    assert conn.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)
    invariants.check(conn)
