"""Makes one valid call of every operation, on real rows, for the tests of the whole API.

`call_of` makes it from the operation's example in examples/. A name in braces there stands for a row of the `World`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

import psycopg

from boxoffice import auth, config, openapi
from boxoffice.accounts import oidc, passwords
from boxoffice.accounts import service as accounts
from boxoffice.accounts.models import SessionView, SignUpRequest
from boxoffice.auth import Who
from boxoffice.examples import example_of, sample_names
from boxoffice.guest_tokens import order_token, subscription_token, waitlist_token
from boxoffice.ids import new_id
from boxoffice.one_time import Purpose
from boxoffice.tickets import service as tickets
from boxoffice.tickets import transfers
from boxoffice.tickets.models import PrintedTicket
from tests.helpers import factories, google
from tests.helpers.authenticators import App
from tests.helpers.payers import prove
from tests.helpers.support import Answer, Client


@dataclass(frozen=True)
class Operation:
    """An operation as the document describes it."""

    name: str
    method: str
    path: str
    who: str
    scope: str | None
    for_devices: bool
    takes_body: bool
    takes_parameters: bool
    takes_key: bool


@cache
def operations() -> dict[str, Operation]:
    """Return every operation of the committed document, by its id."""
    listed = [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            operation.get("x-who", ""),
            operation.get("x-scope"),
            {"door_device": []} in operation.get("security", []),
            "requestBody" in operation,
            bool(operation.get("parameters")),
            any(parameter["name"].lower() == "idempotency-key" for parameter in operation.get("parameters", [])),
        )
        for path, methods in json.loads(openapi.committed())["paths"].items()
        for method, operation in methods.items()
    ]
    return {operation.name: operation for operation in listed}


@dataclass(frozen=True)
class World:
    """An organisation with sold tickets, its members and buyers, and people who have nothing to do with it.

    The rivals are the owner, a manager and a scanner of another organisation. The rejected organisation has the same
    members. The buyer is invited to the first one. It and the rivals have an API key with all scopes. The device at the
    door has a pass for the published event, at any gate.
    """

    owner: UUID
    manager: UUID
    scanner: UUID
    colleague: UUID
    buyer: UUID
    session: SessionView
    other_session: UUID
    second_factor_token: str
    google_state: str
    google_code: str
    phone: str
    phone_code: str
    stranger: UUID
    rival: UUID
    rival_manager: UUID
    rival_scanner: UUID
    admin: UUID
    organisation: UUID
    organisation_slug: str
    rejected_organisation: UUID
    invitation: UUID
    invitation_token: str
    event: UUID
    event_slug: str
    draft: UUID
    ticket_type: UUID
    unsold_ticket_type: UUID
    sold_out_ticket_type: UUID
    waitlist_entry: UUID
    voucher: UUID
    upload: UUID
    unused_upload: UUID
    gallery: UUID
    gallery_image: UUID
    unpublished_gallery: UUID
    order: UUID
    payment: UUID
    paid_order: UUID
    ticket: PrintedTicket
    used_ticket: UUID
    scan: UUID
    transfer_token: str
    foreign_order: UUID
    matter: UUID
    message: UUID
    issue: UUID
    subscription_link_token: str
    unsubscribe_token: str
    failed_message: UUID
    suppression: UUID
    cloakroom: UUID
    claim: UUID
    claim_qr: str
    api_key: UUID
    key: str
    rival_key: str
    door_pass: UUID
    door_device: UUID
    device_token: str
    pairing_code: str
    confirm_token: str
    order_confirmation_token: str
    order_email_token: str
    reset_token: str
    undo_token: str
    personal_data_token: str
    waitlist_token: str
    webhook_endpoint: UUID
    webhook_delivery: UUID
    export: UUID
    payout_method: UUID
    unused_payout_method: UUID
    payout: UUID
    payout_file: UUID

    def names(self) -> dict[str, str]:
        """Return the values for the names in examples."""
        ids = {name: str(value) for name, value in vars(self).items() if isinstance(value, UUID | str)}
        return {
            **TIMES,
            **ids,
            "unique": new_id().hex[-12:],
            "new_phone": factories.phone(),
            "password": PASSWORD,
            "email": self.session.account.email,
            "refresh_token": self.session.refresh_token,
            "ticket": str(self.ticket.id),
            "ticket_qr": self.ticket.qr,
            "app_code": App(factories.APP_SECRET, []).code(),
            "recovery_code": factories.RECOVERY_CODE,
            "google_secret": google.SECRET,
            "google_challenge": google.challenge_of(google.SECRET),
        }


PASSWORD = sample_names()["password"]
TIMES = {
    "now": factories.NOW.isoformat(),
    "month": f"{factories.NOW:%Y-%m}",
    "doors_open_at": (factories.NOW + timedelta(days=30, hours=-1)).isoformat(),
    "starts_at": (factories.NOW + timedelta(days=30)).isoformat(),
    "ends_at": (factories.NOW + timedelta(days=30, hours=4)).isoformat(),
    "next_starts_at": (factories.NOW + timedelta(days=37)).isoformat(),
    "pass_ends_at": (factories.NOW + timedelta(days=29)).isoformat(),
}


def sign_up(conn: psycopg.Connection) -> SessionView:
    """Make an account with a password and a session."""
    request = SignUpRequest(email=f"buyer-{new_id()}@example.com", password=PASSWORD, name="Ada Buyer")
    session = accounts.create_account(conn, auth.Caller(Who.PUBLIC), request, passwords.hash_of(PASSWORD))
    factories.open_session(conn, session.account.id)
    return session


def build(conn: psycopg.Connection) -> World:
    """Make the world of a test. The buyer has an account. The foreign order belongs to another organisation."""
    owner = factories.account(conn)
    session = sign_up(conn)
    buyer, email = session.account.id, session.account.email
    phone, phone_code = factories.phone_code(conn)
    organisation = factories.organisation(conn, owner=owner)
    event = factories.event(conn, organisation_id=organisation)
    draft = factories.event(conn, organisation_id=organisation, status="draft")
    ticket_type = factories.ticket_type(conn, event_id=event)
    sold_out = factories.ticket_type(conn, event_id=event, quantity=2)
    factories.order(conn, sold_out, quantity=2)
    conn.execute("UPDATE organisations SET postal_address = '1 Hospital Road, Lagos' WHERE id = %s", [organisation])
    rival = factories.account(conn)
    rivals = factories.organisation(conn, owner=rival)
    rivals_event = factories.event(conn, organisation_id=rivals)
    order = factories.order(conn, ticket_type, account_id=buyer)
    paid_order = factories.paid_order(conn, ticket_type, account_id=buyer)
    factories.payment(conn, paid_order, status="succeeded")
    cloakroom = factories.place(conn, organisation_id=organisation)
    claim, claim_qr = factories.claim(conn, cloakroom)
    guarded = factories.account(conn)
    factories.second_factor(conn, guarded)
    factories.second_factor(conn, buyer, confirmed=False)
    manager, scanner = (factories.member(conn, organisation, role) for role in ("manager", "scanner"))
    rejected = factories.organisation(conn, owner=owner, status="rejected")
    for role, account in (("manager", manager), ("scanner", scanner)):
        factories.member(conn, rejected, role, account_id=account)
    _, invitation_token = factories.invitation(conn, organisation, session.account.email)
    ticket, other_ticket = tickets.list_for_order(conn, paid_order)[:2]
    (used_ticket,) = tickets.list_for_order(conn, factories.paid_order(conn, ticket_type, quantity=1))
    api_key, key = factories.api_key(conn, organisation)
    door_pass = factories.door_pass(conn, organisation, event)
    upload, gallery = factories.upload(conn, organisation), factories.gallery(conn, organisation)
    door_device, device_token = factories.door_device(conn, door_pass)
    webhook_endpoint = factories.webhook_endpoint(conn, organisation)
    factories.funds(conn, organisation, 1_000_000)
    payout_method = factories.payout_method(conn, organisation)
    payout_file = factories.payout_file(conn)
    for file in (None, payout_file):
        factories.payout(conn, payout_method, owner, status="approved", file_id=file)
    return World(
        owner=owner,
        manager=manager,
        scanner=scanner,
        colleague=factories.member(conn, organisation, "scanner"),
        buyer=buyer,
        session=session,
        other_session=factories.another_session(conn, buyer),
        second_factor_token=factories.one_time_token(conn, Purpose.SECOND_FACTOR, account_id=guarded),
        google_state=_google_state(),
        google_code=factories.one_time_token(conn, Purpose.GOOGLE_LOG_IN, **_google_person()),
        phone=phone,
        phone_code=phone_code,
        stranger=factories.account(conn),
        rival=rival,
        rival_manager=factories.member(conn, rivals, "manager"),
        rival_scanner=factories.member(conn, rivals, "scanner"),
        admin=factories.account(conn, is_admin=True),
        organisation=organisation,
        organisation_slug=_slug_of(conn, organisation),
        rejected_organisation=rejected,
        invitation=factories.invitation(conn, organisation)[0],
        invitation_token=invitation_token,
        event=event,
        event_slug=_slug_of(conn, event),
        draft=draft,
        ticket_type=ticket_type,
        unsold_ticket_type=factories.ticket_type(conn, event_id=draft),
        sold_out_ticket_type=sold_out,
        waitlist_entry=factories.waitlist_entry(conn, sold_out, account_id=buyer),
        voucher=factories.voucher(conn, event),
        upload=upload,
        unused_upload=factories.upload(conn, organisation),
        gallery=gallery,
        gallery_image=factories.gallery_image(conn, gallery, upload),
        unpublished_gallery=factories.gallery(conn, organisation, is_published=False),
        order=order,
        payment=factories.payment(conn, order),
        paid_order=paid_order,
        ticket=ticket,
        used_ticket=used_ticket.id,
        scan=factories.scan(conn, used_ticket.id, owner),
        transfer_token=transfers.token_of(factories.transfer(conn, other_ticket.id)),
        foreign_order=factories.paid_order(conn, factories.ticket_type(conn, event_id=rivals_event)),
        export=factories.export(conn, organisation, event_id=event),
        matter=factories.money_matter(conn, paid_order),
        message=factories.announcement(conn, event, owner),
        issue=factories.issue(conn, organisation, owner),
        subscription_link_token=factories.subscription_link_token(conn, organisation),
        unsubscribe_token=subscription_token(_subscription(conn, organisation)),
        failed_message=factories.failed_message(conn),
        suppression=factories.suppression(conn),
        cloakroom=cloakroom,
        claim=claim,
        claim_qr=claim_qr,
        api_key=api_key,
        key=key,
        rival_key=factories.api_key(conn, rivals)[1],
        door_pass=door_pass,
        door_device=door_device,
        device_token=device_token,
        pairing_code=factories.pairing_code(conn, door_pass),
        order_email_token=factories.one_time_token(
            conn, Purpose.CHANGE_ORDER_EMAIL, order_id=paid_order, email="new@example.com", asked_by=None
        ),
        confirm_token=factories.one_time_token(
            conn, Purpose.SIGN_UP, email=f"{new_id()}@example.com", name="Bola", organisation_name="Bola's"
        ),
        order_confirmation_token=factories.one_time_token(
            conn,
            Purpose.CONFIRM_ORDER,
            order_id=factories.order(conn, factories.ticket_type(conn, event_id=event, price=0)),
        ),
        reset_token=factories.one_time_token(conn, Purpose.RESET_PASSWORD, account_id=buyer, email=email),
        waitlist_token=factories.waitlist_token(conn, sold_out),
        webhook_endpoint=webhook_endpoint,
        webhook_delivery=factories.webhook_delivery(conn, webhook_endpoint),
        personal_data_token=factories.one_time_token(conn, Purpose.PERSONAL_DATA, email=email),
        payout_method=payout_method,
        unused_payout_method=factories.payout_method(conn, organisation),
        payout=factories.payout(conn, payout_method, owner),
        payout_file=payout_file,
        undo_token=factories.one_time_token(
            conn, Purpose.UNDO_EMAIL_CHANGE, account_id=buyer, email=email, verified=True
        ),
    )


def _subscription(conn: psycopg.Connection, organisation: UUID) -> UUID:
    """Let somebody subscribe to the newsletter, after somebody else has left it. Return the subscription."""
    gone = {"email": None, "mailbox": None, "address_mac": b"gone", "unsubscribed_at": factories.NOW}
    factories.subscription(conn, organisation, **gone)
    return factories.subscription(conn, organisation)


def _slug_of(conn: psycopg.Connection, row_id: UUID) -> str:
    """Return the slug of an organisation or an event."""
    query = "SELECT slug FROM organisations WHERE id = %(id)s UNION ALL SELECT slug FROM events WHERE id = %(id)s"
    (slug,) = conn.execute(query, {"id": row_id}).fetchone() or ("",)
    return str(slug)


def _google_state() -> str:
    """Return the state of a log-in with Google that has begun."""
    ring = config.settings().code_keys_secret
    return oidc.state_of(ring, oidc.begin(ring, hashlib.sha256(google.SECRET.encode()).digest(), "/log-in"))


def _google_person() -> dict[str, Any]:
    """Return what we keep until the page trades its code: somebody who is new to us."""
    email = f"ada{new_id().hex}@gmail.com"
    person = {"issuer": "https://accounts.google.com", "subject": email, "email": email, "name": "Ada", "vouched": True}
    return {"challenge": hashlib.sha256(google.SECRET.encode()).hexdigest(), "person": person}


@dataclass(frozen=True)
class Call:
    """The parts of a request that do not depend on the caller.

    Attributes:
        query: the required parameters.
        token: the token that a guest needs, of an order or a waitlist entry.
        sign: makes the headers by which a provider proves that a body is its own.
    """

    path: dict[str, str]
    query: dict[str, str]
    body: Any
    token: str | None
    sign: Callable[[bytes], dict[str, str]] | None


def event_request(organisation_id: UUID) -> dict[str, Any]:
    """Return the body of a request that drafts an event."""
    names = sample_names() | TIMES | {"organisation": str(organisation_id)}
    return dict(example_of("create_event", names).body)


def ticket_type_request() -> dict[str, Any]:
    """Return the body of a request that adds a ticket type."""
    return dict(example_of("create_ticket_type", sample_names() | TIMES).body)


def call_of(operation: str, world: World) -> Call:
    """Make a call from the operation's example, with the rows of a world."""
    names = world.names()
    example = example_of(operation, names)
    token = _token_of(example.token_of, names) if example.token_of else None
    provider = re.fullmatch(r"receive_(\w+)_webhook", operation)
    sign = partial(prove, provider[1]) if provider else None
    return Call(example.path, example.query, example.body, token, sign)


def _token_of(name: str, names: Mapping[str, str]) -> str:
    token = waitlist_token if name == "waitlist_entry" else order_token
    return token(UUID(names[name]))


@dataclass(frozen=True)
class Caller:
    """Who calls: with an account, as a guest with a token, or as a provider with its signature.

    A program calls with an API key, and a device at the door with its token.
    """

    account: UUID | None = None
    token: str | None = None
    signs: bool = False
    key: str | None = None
    device: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a key or a device."""
        key = {"x-api-key": self.key} if self.key is not None else {}
        return key | ({"authorization": f"Bearer {self.device}"} if self.device is not None else {})


NOBODY = Caller()


def _role(name: str) -> Callable[[World, Call], Caller]:
    return lambda world, _: Caller(getattr(world, name))


_ROLES = {name: _role(name) for name in ("scanner", "manager", "owner")}

# The callers whom a route admits that declares this, by their name in the world.
ENTITLED: dict[str, dict[str, Callable[[World, Call], Caller]]] = {
    Who.PUBLIC: {"nobody": lambda *_: NOBODY, "stranger": _role("stranger")},
    Who.PROVIDER: {"provider": lambda *_: Caller(signs=True)},
    Who.GUEST: {
        "guest": lambda _, call: Caller(token=call.token),
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
    api: Client,
    operation: Operation,
    call: Call,
    caller: Caller,
    *,
    body: Any = None,
    key: str = "new",
    **headers: str,
) -> Answer:
    """Make a call.

    Args:
        caller: who calls.
        body: takes the place of the valid body. Bytes are sent as they are.
        key: the idempotency key, for an operation that takes one.
        headers: more headers. An underscore stands for a hyphen.
    """
    content = call.body if body is None else body
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    proof = call.sign(raw) if caller.signs and call.sign else {}
    return api.request(
        operation.method,
        operation.path.format(**call.path),
        content if content is None else raw,
        account=caller.account,
        order_token=caller.token,
        key=key if operation.takes_key else None,
        query=call.query,
        headers=proof | caller.headers | {name.replace("_", "-"): text for name, text in headers.items()},
    )
