"""One valid call of every operation, on real rows: for the tests that go through the whole API.

`CALLS` has an entry for each operation of the OpenAPI document. A new operation without one fails the suite.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import openapi
from boxoffice.accounts import passwords
from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import SessionView, SignUpRequest
from boxoffice.auth import Who, order_token
from boxoffice.ids import new_id
from boxoffice.tickets import service as tickets
from boxoffice.tickets import transfers
from boxoffice.tickets.models import PrintedTicket
from tests.helpers import factories
from tests.helpers.payers import prove
from tests.helpers.support import Answer, Client


@dataclass(frozen=True)
class Operation:
    """An operation as the document describes it."""

    name: str
    method: str
    path: str
    who: str
    takes_body: bool
    takes_parameters: bool
    takes_key: bool


@cache
def operations() -> dict[str, Operation]:
    """Every operation of the committed document, by its id."""
    found = [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            operation.get("x-who", ""),
            "requestBody" in operation,
            bool(operation.get("parameters")),
            any(parameter["name"].lower() == "idempotency-key" for parameter in operation.get("parameters", [])),
        )
        for path, methods in json.loads(openapi.committed())["paths"].items()
        for method, operation in methods.items()
    ]
    return {operation.name: operation for operation in found}


@dataclass(frozen=True)
class World:
    """An organisation that has sold something, its people, and people who have nothing to do with it."""

    owner: UUID
    manager: UUID
    scanner: UUID
    buyer: UUID
    session: SessionView
    stranger: UUID
    rival: UUID
    admin: UUID
    organisation: UUID
    event: UUID
    draft: UUID
    ticket_type: UUID
    unsold_ticket_type: UUID
    sold_out_ticket_type: UUID
    waitlist_entry: UUID
    voucher: UUID
    order: UUID
    payment: UUID
    paid_order: UUID
    ticket: PrintedTicket
    scan: UUID
    transfer_token: str
    foreign_order: UUID
    cloakroom: UUID
    claim: UUID
    claim_qr: str


PASSWORD = "correct horse battery"


def sign_up(conn: psycopg.Connection) -> SessionView:
    """An account with a password and a session."""
    request = SignUpRequest(email=f"buyer-{new_id()}@example.com", password=PASSWORD, name="Ada Buyer")
    return accounts.create_account(conn, request, passwords.hashed(PASSWORD))


def build(conn: psycopg.Connection) -> World:
    """The world of a test. The buyer bought with an account; the foreign order is another buyer's."""
    owner = factories.account(conn)
    session = sign_up(conn)
    buyer = session.account.id
    organisation = factories.organisation(conn, owner=owner)
    event = factories.event(conn, organisation_id=organisation)
    draft = factories.event(conn, organisation_id=organisation, status="draft")
    ticket_type = factories.ticket_type(conn, event_id=event)
    sold_out = factories.ticket_type(conn, event_id=event, quantity=0)
    rival = factories.account(conn)
    rivals_event = factories.event(conn, organisation_id=factories.organisation(conn, owner=rival))
    order = factories.order(conn, ticket_type, account_id=buyer)
    paid_order = factories.paid_order(conn, ticket_type, account_id=buyer)
    factories.payment(conn, paid_order, status="succeeded")
    cloakroom = factories.service(conn, organisation_id=organisation)
    claim, claim_qr = factories.claim(conn, cloakroom)
    ticket, other_ticket = tickets.list_for_order(conn, paid_order)[:2]
    (used_ticket,) = tickets.list_for_order(conn, factories.paid_order(conn, ticket_type, quantity=1))
    return World(
        owner=owner,
        manager=factories.member(conn, organisation, "manager"),
        scanner=factories.member(conn, organisation, "scanner"),
        buyer=buyer,
        session=session,
        stranger=factories.account(conn),
        rival=rival,
        admin=factories.account(conn, is_admin=True),
        organisation=organisation,
        event=event,
        draft=draft,
        ticket_type=ticket_type,
        unsold_ticket_type=factories.ticket_type(conn, event_id=draft),
        sold_out_ticket_type=sold_out,
        waitlist_entry=factories.waitlist_entry(conn, sold_out, account_id=buyer),
        voucher=factories.voucher(conn, event),
        order=order,
        payment=factories.payment(conn, order),
        paid_order=paid_order,
        ticket=ticket,
        scan=factories.scan(conn, used_ticket.id, owner),
        transfer_token=transfers.token_of(factories.transfer(conn, other_ticket.id)),
        foreign_order=factories.paid_order(conn, factories.ticket_type(conn, event_id=rivals_event)),
        cloakroom=cloakroom,
        claim=claim,
        claim_qr=claim_qr,
    )


@dataclass(frozen=True)
class Call:
    """What an operation is called with, apart from who calls.

    Attributes:
        query: the parameters that it cannot do without.
        order: the order whose token lets a guest through.
        sign: the headers by which a provider proves that a body is its own.
    """

    path: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    order: UUID | None = None
    sign: Callable[[bytes], dict[str, str]] | None = None
    query: dict[str, Any] = field(default_factory=dict)


def event_request(organisation_id: UUID) -> dict[str, Any]:
    """The body of a request that drafts an event."""
    return {
        "organisation_id": str(organisation_id),
        "title": "Jazz by the sea",
        "description": "Bring a coat.\nDoors open at seven.",
        "category": "concert",
        "rating": "PG",
        "venue": {
            "name": "Freedom Park",
            "address": "1 Hospital Road",
            "city": "Lagos",
            "country": "NG",
            "time_zone": "Africa/Lagos",
        },
        "starts_at": (factories.NOW + timedelta(days=30)).isoformat(),
        "ends_at": (factories.NOW + timedelta(days=30, hours=4)).isoformat(),
        "doors_open_at": (factories.NOW + timedelta(days=30, hours=-1)).isoformat(),
        "gates": [{"name": "North", "ticket_type_ids": None}],
        "image_url": "https://example.com/jazz.jpg",
        "currency": "NGN",
        "ticket_types": [ticket_type_request()],
    }


def ticket_type_request() -> dict[str, Any]:
    """The body of a request that adds a ticket type."""
    return {
        "name": "Standing",
        "description": "At the back",
        "price": 5000,
        "quantity": 100,
        "sales_start": factories.NOW.isoformat(),
        "min_per_order": 1,
        "max_per_order": 4,
        "max_entries": 2,
        "issue": "choice",
        "attributes": {"colour": "red"},
        "hidden": False,
    }


CALLS: dict[str, Callable[[World], Call]] = {
    # accounts
    "change_password": lambda _: Call(body={"current_password": PASSWORD, "new_password": PASSWORD + "!"}),
    "get_me": lambda _: Call(),
    "log_in": lambda world: Call(body={"email": world.session.account.email, "password": PASSWORD}),
    "log_out": lambda _: Call(),
    "log_out_everywhere": lambda _: Call(),
    "refresh_session": lambda world: Call(body={"refresh_token": world.session.refresh_token}),
    "sign_up": lambda _: Call(
        body={"email": f"{new_id()}@example.com", "password": PASSWORD, "name": "Bola", "organisation_name": "Bola's"}
    ),
    "update_me": lambda _: Call(body={"name": "Ada B.", "phone": "+2348012345678"}),
    # organisations
    "create_organisation": lambda _: Call(body={"name": "Freedom Park"}),
    "get_organisation": lambda world: Call({"organisation_id": world.organisation}),
    # events
    "cancel_event": lambda world: Call({"event_id": world.event}, {"reason": "The singer is ill."}),
    "create_event": lambda world: Call(body=event_request(world.organisation)),
    "create_ticket_type": lambda world: Call({"event_id": world.draft}, ticket_type_request()),
    "create_voucher": lambda world: Call(
        {"event_id": world.event},
        {
            "code": f"early-{new_id().hex[-12:]}",
            "discount": {"kind": "percent", "percent": 20},
            "valid_from": factories.NOW.isoformat(),
            "unlocks_hidden": False,
            "ticket_type_ids": [str(world.ticket_type)],
        },
    ),
    "define_seats": lambda world: Call(
        {"ticket_type_id": world.unsold_ticket_type},
        {"rows": [{"section": "Stalls", "row": "A", "numbers": ["1", "2", None, "3"]}], "extend": False},
    ),
    "delete_event": lambda world: Call({"event_id": world.draft}),
    "delete_ticket_type": lambda world: Call({"ticket_type_id": world.unsold_ticket_type}),
    "delete_voucher": lambda world: Call({"voucher_id": world.voucher}),
    "get_availability": lambda world: Call({"event_id": world.event}),
    "get_event": lambda world: Call({"event_id": world.event}),
    "join_waitlist": lambda world: Call(
        {"ticket_type_id": world.sold_out_ticket_type},
        {"quantity": 2, "name": "Ada Buyer", "email": f"{new_id()}@example.com"},
    ),
    "leave_waitlist": lambda world: Call({"entry_id": world.waitlist_entry}, order=world.waitlist_entry),
    "list_events": lambda _: Call(),
    "list_seats": lambda world: Call({"ticket_type_id": world.ticket_type}),
    "list_vouchers": lambda world: Call({"event_id": world.event}),
    "list_waitlist": lambda world: Call({"event_id": world.event}),
    "publish_event": lambda world: Call({"event_id": world.draft}),
    "update_event": lambda world: Call(
        {"event_id": world.event}, {"title": "Jazz again", "venue": {"city": "Abuja"}, "rating": "18+"}
    ),
    "update_ticket_type": lambda world: Call({"ticket_type_id": world.ticket_type}, {"price": 7000, "quantity": 90}),
    "update_voucher": lambda world: Call(
        {"voucher_id": world.voucher}, {"code": "LATE", "discount": {"kind": "fixed", "amount": 500}}
    ),
    # orders
    "cancel_order": lambda world: Call({"order_id": world.order}, order=world.order),
    "create_order": lambda world: Call(body=factories.order_request(world.ticket_type)),
    "get_order": lambda world: Call({"order_id": world.order}, order=world.order),
    "list_my_orders": lambda _: Call(),
    "list_orders": lambda world: Call({"organisation_id": world.organisation}),
    "mark_order_paid": lambda world: Call(
        {"order_id": world.order}, {"method": "bank_transfer", "note": "Receipt 4711"}
    ),
    "refund_order": lambda world: Call({"order_id": world.paid_order}, {"amount": 500, "reason": "The bar was closed"}),
    "resend_order_email": lambda world: Call({"order_id": world.paid_order}, order=world.paid_order),
    # payments
    "get_payment": lambda world: Call({"payment_id": world.payment}, order=world.order),
    "receive_sandbox_webhook": lambda world: Call(
        body={
            "id": f"evt_{new_id()}",
            "type": "payment.succeeded",
            "payment_id": str(world.payment),
            "amount": 10000,
            "currency": "NGN",
        },
        sign=partial(prove, "sandbox"),
    ),
    "receive_stripe_webhook": lambda world: Call(
        body={
            "id": f"evt_{new_id()}",
            "object": "event",
            "type": "payment_intent.succeeded",
            "data": {
                "object": {
                    "id": f"pi_{new_id()}",
                    "object": "payment_intent",
                    "status": "succeeded",
                    "amount": 10000,
                    "currency": "ngn",
                    "metadata": {"payment_id": str(world.payment)},
                }
            },
        },
        sign=partial(prove, "stripe"),
    ),
    "receive_flutterwave_webhook": lambda _: Call(
        body={"event": "transfer.completed", "data": {"id": 285959875, "status": "SUCCESSFUL"}},
        sign=partial(prove, "flutterwave"),
    ),
    "receive_generic_webhook": lambda world: Call(
        body={"order": str(world.order), "status": "REJECTED", "reason": "no funds"},
        sign=partial(prove, "generic"),
    ),
    "start_payment": lambda world: Call({"order_id": world.order}, {"provider": "sandbox"}, order=world.order),
    # tickets
    "accept_transfer": lambda world: Call(body={"token": world.transfer_token, "name": "Bola"}),
    "download_tickets_pdf": lambda world: Call({"order_id": world.paid_order}, order=world.paid_order),
    "get_ticket": lambda world: Call({"ticket_id": world.ticket.id}, order=world.paid_order),
    "get_ticket_qr": lambda world: Call({"ticket_id": world.ticket.id}, order=world.paid_order),
    "list_my_tickets": lambda _: Call(),
    "start_transfer": lambda world: Call(
        {"ticket_id": world.ticket.id}, {"email": "bola@example.com", "name": "Bola"}, order=world.paid_order
    ),
    # checkin
    "get_attendance": lambda world: Call({"event_id": world.event}),
    "get_scan_manifest": lambda world: Call({"event_id": world.event}),
    "list_scans": lambda world: Call({"event_id": world.event}),
    "scan_ticket": lambda world: Call(
        body={"qr": world.ticket.qr, "event_id": str(world.event), "gate": "North", "device_id": "phone 1"}
    ),
    "scan_ticket_by_id": lambda world: Call(
        {"ticket_id": world.ticket.id}, {"event_id": str(world.event), "gate": "Guest list"}
    ),
    "sync_scans": lambda world: Call(
        {"event_id": world.event},
        {
            "device_id": "phone 1",
            "sent_at": factories.NOW.isoformat(),
            "scans": [
                {"sequence": 2, "qr": world.ticket.qr, "at": factories.NOW.isoformat(), "gate": "North"},
                {"sequence": 3, "qr": world.ticket.qr, "at": factories.NOW.isoformat()},
            ],
        },
    ),
    "undo_scan": lambda world: Call({"scan_id": world.scan}),
    # slots
    "claim_slot": lambda world: Call(
        {"service_id": world.cloakroom},
        {"customer": {"email": "coat@example.com", "name": "Bola"}, "note": "2 coats"},
    ),
    "create_service": lambda world: Call(
        body={
            "organisation_id": str(world.organisation),
            "name": "Car park",
            "capacity": 20,
            "event_id": str(world.event),
            "time_zone": "Africa/Lagos",
        }
    ),
    "get_service": lambda world: Call({"service_id": world.cloakroom}),
    "get_service_stats": lambda world: Call({"service_id": world.cloakroom}),
    "list_services": lambda world: Call(query={"organisation_id": world.organisation}),
    "list_slots": lambda world: Call({"service_id": world.cloakroom}),
    "release_claim": lambda world: Call({"claim_id": world.claim}),
    "scan_claim": lambda world: Call(body={"qr": world.claim_qr, "service_id": str(world.cloakroom)}),
    "update_service": lambda world: Call(
        {"service_id": world.cloakroom}, {"name": "Cloakroom A", "capacity": 15, "time_zone": "UTC"}
    ),
    # admin
    "check_invariants": lambda _: Call(),
    # platform
    "get_docs": lambda _: Call(),
    "get_health": lambda _: Call(),
    "get_openapi": lambda _: Call(),
}


@dataclass(frozen=True)
class Caller:
    """Somebody who calls: with an account, with an order's token, or as a provider with its signature."""

    account: UUID | None = None
    order: UUID | None = None
    signs: bool = False


NOBODY = Caller()


def _role(name: str) -> Callable[[World, Call], Caller]:
    return lambda world, _: Caller(getattr(world, name))


_ROLES = {name: _role(name) for name in ("scanner", "manager", "owner")}

# Who is let through where a route declares this, by what they are to the world.
ENTITLED: dict[str, dict[str, Callable[[World, Call], Caller]]] = {
    Who.PUBLIC: {"nobody": lambda *_: NOBODY, "stranger": _role("stranger")},
    Who.PROVIDER: {"provider": lambda *_: Caller(signs=True)},
    Who.GUEST: {
        "guest": lambda _, call: Caller(order=call.order),
        "buyer": _role("buyer"),
        "manager": _ROLES["manager"],
        "owner": _ROLES["owner"],
    },
    Who.ACCOUNT: {"buyer": _role("buyer")},
    Who.SCANNER: _ROLES,
    Who.MANAGER: {name: _ROLES[name] for name in ("manager", "owner")},
    Who.OWNER: {"owner": _ROLES["owner"]},
    Who.ADMIN: {"admin": _role("admin")},
}


def perform(
    api: Client, operation: Operation, call: Call, caller: Caller, *, body: Any = None, **headers: str
) -> Answer:
    """Make a call, as somebody; ``body`` in place of the valid one, as it is if it is bytes."""
    content = call.body if body is None else body
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    proof = call.sign(raw) if caller.signs and call.sign else {}
    return api.request(
        operation.method,
        operation.path.format(**call.path),
        content if content is None else raw,
        account=caller.account,
        order_token=order_token(caller.order) if caller.order else None,
        key="new" if operation.takes_key else None,
        query=call.query,
        headers=proof | {name.replace("_", "-"): text for name, text in headers.items()},
    )
