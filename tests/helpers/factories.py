"""Factories of rows. Each makes the rows that it needs and returns the id. Pass only what the test is about."""

import hashlib
import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from boxoffice import config, platform_settings
from boxoffice.encryption import encrypt
from boxoffice.ids import new_id, new_order_number
from boxoffice.mailboxes import mailbox_of
from boxoffice.one_time import Purpose
from boxoffice.stock import service as stock
from boxoffice.webhooks import catalogue

_number = itertools.count(1)
_AREAS = ("202", "212", "213", "312", "415", "503", "617", "702", "808", "907")

NOW = datetime.now(UTC).replace(microsecond=0)
"""When the tests began. What must be young in a test that runs late is dated by the clock: see `a_moment_ago`."""


def a_moment_ago() -> datetime:
    """Return when something ended that has just ended, such as a hold that no job has met yet."""
    return datetime.now(UTC) - timedelta(seconds=1)


def account(conn: psycopg.Connection, **overrides: Any) -> UUID:
    """Make an account, with an open session."""
    n = next(_number)
    row = {"id": new_id(), "email": f"person{n}@example.com", "name": f"Person {n}", **overrides}
    return open_session(conn, _insert(conn, "accounts", row))


def open_session(conn: psycopg.Connection, account_id: UUID) -> UUID:
    """Open the session of an account in which the tests' client calls. It has the account's id."""
    return _insert(conn, "sessions", {"id": account_id, "account_id": account_id})


def another_session(conn: psycopg.Connection, account_id: UUID) -> UUID:
    """Open another session of an account, as on another device."""
    return _insert(conn, "sessions", {"id": new_id(), "account_id": account_id})


APP_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The secret of every second factor: that of the test vectors in RFC 6238, in base32."""
RECOVERY_CODE = "K7QW-3MPX-9TCR-ZB4N-H2VD-6JFG"


def second_factor(conn: psycopg.Connection, account_id: UUID, *, confirmed: bool = True) -> None:
    """Make the second factor of an account, with one recovery code if a code has confirmed it."""
    encrypted = encrypt(config.settings().data_keys_secret, "second factor", account_id.bytes, APP_SECRET.encode())
    recovery = hashlib.sha256(account_id.bytes + RECOVERY_CODE.replace("-", "").encode()).digest()
    conn.execute(
        "INSERT INTO second_factors (account_id, key_id, secret, recovery_hashes) VALUES (%s, %s, %s, %s)",
        [account_id, encrypted.key_id, encrypted.content, [recovery] if confirmed else []],
    )
    if confirmed:
        conn.execute("UPDATE accounts SET second_factor_since = now() WHERE id = %s", [account_id])


def phone() -> str:
    """Return the number of a phone, one of those in the United States that belong to nobody (555-0100 to 555-0199)."""
    area, number = divmod(next(_number), 100)
    return f"+1{_AREAS[area % len(_AREAS)]}55501{number:02}"


def phone_code(conn: psycopg.Connection, number: str | None = None) -> tuple[str, str]:
    """Let the platform send text messages to the United States, and make a code for a phone. Return both."""
    from boxoffice.accounts import phone_codes
    from boxoffice.auth import Caller, Who

    allow_sms(conn)
    number = number or phone()
    phone_codes.send(conn, Caller(Who.PUBLIC), number)
    query = "SELECT id FROM phone_codes WHERE phone = %s ORDER BY created_at DESC, id DESC LIMIT 1"
    (code_id,) = conn.execute(query, [number]).fetchone() or (None,)
    assert code_id is not None
    code = phone_codes.get_live_code(conn, code_id)
    assert code is not None
    return number, code


def allow_sms(conn: psycopg.Connection, *countries: str, **others: Any) -> None:
    """Let the platform send text messages to countries, by default to the United States alone, with other settings."""
    platform_setting(conn, **{"sms_countries": list(countries or ["US"]), **others})


def platform_setting(conn: psycopg.Connection, **values: Any) -> None:
    """Change settings of the platform."""
    for name, value in values.items():
        conn.execute(
            """INSERT INTO platform_settings (name, value) VALUES (%s, %s)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
            [name, Jsonb(value)],
        )
    platform_settings.forget()


DEFAULT_GUEST_BUDGETS = {
    "guest_unpaid": {**platform_settings.GUEST_UNPAID},
    "guest_free": {**platform_settings.GUEST_FREE},
}
"""The budgets of guests that a new deployment has. In most tests, guests have plenty."""


def guest_budget(**limits: int) -> dict[str, int]:
    """Return the value of a budget of guests, by default with plenty for everybody."""
    return {
        "network_percent": 100,
        "network_least": 10_000,
        "network_most": 10_000,
        "mailbox_most": 10_000,
        "all_percent": 100,
        **limits,
    }


def organisation(conn: psycopg.Connection, *, owner: UUID | None = None, **overrides: Any) -> UUID:
    """Make an approved organisation with an owner. One that was rejected or is suspended has a reason."""
    n = next(_number)
    row = {"id": new_id(), "name": f"Organisation {n}", "slug": f"organisation-{n}", "status": "approved", **overrides}
    if row["status"] in ("rejected", "suspended"):
        row = {"status_reason": "It sells what it does not have.", **row}
    organisation_id = _insert(conn, "organisations", row)
    member(conn, organisation_id, "owner", account_id=owner)
    return organisation_id


def member(conn: psycopg.Connection, organisation_id: UUID, role: str, *, account_id: UUID | None = None) -> UUID:
    """Make a member of an organisation. Return the account's id."""
    account_id = account_id or account(conn)
    conn.execute(
        "INSERT INTO members (organisation_id, account_id, role) VALUES (%s, %s, %s)",
        [organisation_id, account_id, role],
    )
    return account_id


def invitation(
    conn: psycopg.Connection, organisation_id: UUID, email: str = "bola@example.com", role: str = "manager"
) -> tuple[UUID, str]:
    """Invite somebody, as an owner. Return the invitation's id and the token of its link."""
    from boxoffice import one_time
    from boxoffice.auth import Caller, Who
    from boxoffice.organisations import members
    from boxoffice.organisations.models import InvitationRequest

    (owner,) = (
        conn.execute(
            "SELECT account_id FROM members WHERE organisation_id = %s AND role = 'owner'", [organisation_id]
        ).fetchone()
        or ()
    )
    request = InvitationRequest.model_validate({"email": email, "role": role})
    with conn.transaction():
        invited = members.invite_member(conn, Caller(Who.OWNER, owner), organisation_id, request)
    (token_id,) = (
        conn.execute(
            "SELECT payload ->> 'token_id' FROM outbox WHERE payload ->> 'invitation_id' = %s", [str(invited.id)]
        ).fetchone()
        or ()
    )
    return invited.id, one_time.token_of(one_time.Purpose.INVITATION, UUID(token_id))


def api_key(conn: psycopg.Connection, organisation_id: UUID, *scopes: str, **overrides: Any) -> tuple[UUID, str]:
    """Make an API key, by default with all scopes. Return its id, and the key."""
    from boxoffice import bearer_secrets, row_security
    from boxoffice.scopes import Scope

    key = bearer_secrets.new_secret(bearer_secrets.API_KEY)
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "name": f"Key {next(_number)}",
        "scopes": list(scopes or Scope),
        "key_hash": bearer_secrets.hash_of(key),
        "ending": key[-4:],
        "created_by": new_id(),
        "created_at": NOW - timedelta(days=1),
        "expires_at": NOW + timedelta(days=364),
        **overrides,
    }
    with conn.transaction():
        row_security.show_rows_of(conn, organisation_id)
        return _insert(conn, "api_keys", row), key


def webhook_endpoint(conn: psycopg.Connection, organisation_id: UUID, *secrets: bytes, **overrides: Any) -> UUID:
    """Make a webhook endpoint that listens to all types. Its secrets sign, the last one as the newest."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "url": "https://example.com/webhooks",
        "description": "",
        **overrides,
    }
    endpoint_id = _insert(conn, "webhook_endpoints", row)
    for number, secret in enumerate(secrets or [b"0123456789abcdef0123456789abcdef"], 1):
        secret_id = new_id()
        encrypted = encrypt(config.settings().data_keys_secret, "webhook secret", secret_id.bytes, secret)
        ends_at = None if number == max(1, len(secrets)) else NOW + timedelta(days=1)
        columns = {"id": secret_id, "endpoint_id": endpoint_id, "key_id": encrypted.key_id, "ends_at": ends_at}
        _insert(conn, "webhook_secrets", columns | {"secret": encrypted.content})
    return endpoint_id


def webhook_delivery(conn: psycopg.Connection, endpoint_id: UUID, **overrides: Any) -> UUID:
    """Make a webhook that is owed to an endpoint."""
    found = conn.execute("SELECT organisation_id FROM webhook_endpoints WHERE id = %s", [endpoint_id]).fetchone()
    assert found is not None
    kind = overrides.get("type", "event.deleted")
    # Ids of its own, since the example's are the same for all organisations.
    body = json.loads(json.dumps(catalogue.body_of(kind)).replace("01981f6c-7b00", str(new_id())[:13]))
    row = {
        "id": new_id(),
        "endpoint_id": endpoint_id,
        "organisation_id": found[0],
        "type": kind,
        "body": Jsonb(body),
        **overrides,
    }
    return _insert(conn, "webhook_deliveries", row)


def door_pass(conn: psycopg.Connection, organisation_id: UUID, *event_ids: UUID, **overrides: Any) -> UUID:
    """Make a door pass for some events, which ends in eight hours."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "name": f"Pass {next(_number)}",
        "event_ids": list(event_ids),
        "until": datetime.now(UTC) + timedelta(hours=8),
        "max_devices": 10,
        "created_by": new_id(),
        "created_at": NOW - timedelta(days=1),
        **overrides,
    }
    return _insert(conn, "door_passes", row)


def door_device(conn: psycopg.Connection, pass_id: UUID, **overrides: Any) -> tuple[UUID, str]:
    """Pair a device with a door pass. Return its id, and its token."""
    from boxoffice import bearer_secrets

    token = bearer_secrets.new_secret(bearer_secrets.DEVICE_TOKEN)
    row = {"id": new_id(), "pass_id": pass_id, "name": f"Phone {next(_number)}", **overrides}
    return _insert(conn, "door_devices", row | {"token_hash": bearer_secrets.hash_of(token)}), token


def pairing_code(conn: psycopg.Connection, pass_id: UUID) -> str:
    """Make a code that pairs a device with a door pass."""
    from boxoffice import one_time

    lifetime = timedelta(minutes=15)
    code_id = one_time.issue(conn, one_time.Purpose.PAIR_DOOR_DEVICE, lifetime, pass_id=str(pass_id))
    return one_time.token_of(one_time.Purpose.PAIR_DOOR_DEVICE, code_id)


def event(conn: psycopg.Connection, **overrides: Any) -> UUID:
    """Make a published event, which starts in a month."""
    row = {
        "id": new_id(),
        "organisation_id": overrides.get("organisation_id") or organisation(conn),
        "slug": f"event-{next(_number)}",
        "status": "published",
        "title": f"Event {next(_number)}",
        "category": "concert",
        "venue_name": "Freedom Park",
        "venue_address": "1 Hospital Road",
        "city": "Lagos",
        "country": "NG",
        "time_zone": "Africa/Lagos",
        "starts_at": NOW + timedelta(days=30),
        "ends_at": NOW + timedelta(days=30, hours=4),
        "currency": "NGN",
        **overrides,
    }
    slug = {"organisation_id": row["organisation_id"], "slug": row["slug"], "event_id": row["id"]}
    conn.execute("INSERT INTO event_slugs VALUES (%(organisation_id)s, %(slug)s, %(event_id)s)", slug)
    return _insert(conn, "events", row)


def ticket_type(conn: psycopg.Connection, *, quantity: int = 100, **overrides: Any) -> UUID:
    """Make a ticket type on sale, of a published event."""
    row = {
        "id": new_id(),
        "event_id": overrides.get("event_id") or event(conn),
        "pool_id": stock.create_pool(conn, quantity),
        "name": f"Type {next(_number)}",
        "price": 5000,
        **overrides,
    }
    return _insert(conn, "ticket_types", row)


def fee_terms(conn: psycopg.Connection, organisation_id: UUID, **overrides: Any) -> UUID:
    """Make an organisation's own terms of the platform's fee: 2.5 % and NGN 1.00 of each ticket."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "currency": "NGN",
        "basis_points": 250,
        "fixed": 100,
        "minimum": 0,
        "return_on_refund": True,
        **overrides,
    }
    return _insert(conn, "fee_terms", row)


PICTURE = {"path": "pictures/x/0123456789abcdef", "sizes": [[320, 240], [640, 480]], "color": "#8a6d3b"}


def upload(conn: psycopg.Connection, organisation_id: UUID, **overrides: Any) -> UUID:
    """Make an upload whose picture is ready. Nothing shows it, and no file is there."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "storage": "s3",
        "status": "ready",
        "size": 1000,
        "picture": Jsonb(PICTURE),
        "created_by": new_id(),
        "created_at": NOW,
        "due_at": NOW + timedelta(days=1),
        **overrides,
    }
    return _insert(conn, "uploads", row)


def gallery(conn: psycopg.Connection, organisation_id: UUID, **overrides: Any) -> UUID:
    """Make a published gallery without images."""
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "title": f"Gallery {next(_number)}",
        "description": "",
        "is_published": True,
        "created_at": NOW,
        **overrides,
    }
    return _insert(conn, "galleries", row)


def gallery_image(conn: psycopg.Connection, gallery_id: UUID, upload_id: UUID, **overrides: Any) -> UUID:
    """Show a picture in a gallery, by default as its only image."""
    row = {"id": new_id(), "gallery_id": gallery_id, "upload_id": upload_id, "position": 1, "caption": "", "alt": ""}
    conn.execute("UPDATE uploads SET due_at = NULL WHERE id = %s", [upload_id])
    return _insert(conn, "gallery_images", row | overrides)


def voucher(conn: psycopg.Connection, event_id: UUID, **overrides: Any) -> UUID:
    """Make a voucher of an event, for a tenth off and ten redemptions."""
    row = {
        "id": new_id(),
        "event_id": event_id,
        "pool_id": stock.create_pool(conn, overrides.get("max_redemptions", 10)),
        "code": f"CODE{next(_number)}",
        "discount_kind": "percent",
        "discount_value": 10,
        "max_redemptions": 10,
        "unlocks_hidden": False,
        **overrides,
    }
    return _insert(conn, "vouchers", row)


def order(
    conn: psycopg.Connection, ticket_type_id: UUID, *, quantity: int = 2, discount: int = 0, **overrides: Any
) -> UUID:
    """Make a pending order of one ticket type, which holds its stock."""
    price, event_id, pool_id, organisation_id, currency = (
        conn.execute(
            """SELECT price, event_id, pool_id, organisation_id, currency
        FROM ticket_types JOIN events ON events.id = event_id WHERE ticket_types.id = %s""",
            [ticket_type_id],
        ).fetchone()
        or (None,) * 5
    )
    (row_no,) = conn.execute(
        """UPDATE stock SET available = available - %(n)s, held = held + %(n)s WHERE (pool_id, row_no) = (
            SELECT pool_id, row_no FROM stock WHERE pool_id = %(pool)s AND available >= %(n)s LIMIT 1)
        RETURNING row_no""",
        {"n": quantity, "pool": pool_id},
    ).fetchone() or (None,)
    row = {
        "id": new_id(),
        "number": new_order_number(),
        "organisation_id": organisation_id,
        "status": "pending",
        "buyer_name": "Ada Buyer",
        "buyer_email": f"buyer{next(_number)}@example.com",
        "currency": currency,
        "total": price * quantity - discount,
        "request_id": new_id(),
        "fingerprint": b"",
        "draws": f'{{"({pool_id},{row_no},{quantity})"}}',
        "expires_at": datetime.now(UTC) + timedelta(minutes=15),
        "created_at": NOW,
        **overrides,
    }
    order_id = _insert(conn, "orders", row)
    item = {
        "order_id": order_id,
        "item_no": 1,
        "event_id": event_id,
        "ticket_type_id": ticket_type_id,
        "quantity": quantity,
        "unit_price": price,
        "discount": discount,
        "total": price * quantity - discount,
    }
    _insert(conn, "order_items", item)
    return order_id


def paid_order(conn: psycopg.Connection, ticket_type_id: UUID, *, quantity: int = 2, **overrides: Any) -> UUID:
    """Make a paid order. Its tickets are issued, and its confirmation is owed."""
    from boxoffice import db
    from boxoffice.orders import service
    from boxoffice.orders.models import OrderRow

    order_id = order(conn, ticket_type_id, quantity=quantity, **overrides)
    with conn.transaction():
        service.pay(conn, db.exactly_one(conn, OrderRow, service.SQL.lock_order, id=order_id), reason="test")
    return order_id


def payment(conn: psycopg.Connection, order_id: UUID, **overrides: Any) -> UUID:
    """Make an order's payment at the sandbox. A succeeded one has its incoming payment."""
    amount, currency = conn.execute("SELECT total, currency FROM orders WHERE id = %s", [order_id]).fetchone() or ()
    payment_id = new_id()
    row = {"id": payment_id, "order_id": order_id, "provider": "sandbox", "provider_reference": str(payment_id)}
    row |= {"amount": amount, "currency": currency, **overrides}
    _insert(conn, "payments", row)
    if row.get("status") == "succeeded":
        incoming_payment(conn, row)
    return payment_id


def incoming_payment(conn: psycopg.Connection, payment: dict[str, Any], **overrides: Any) -> UUID:
    """The money of a payment, which its order keeps. It is in the books."""
    from boxoffice.payments import books

    known = {name: payment[name] for name in ("provider", "amount", "currency")}
    row = {"id": new_id(), "payment_id": payment["id"], "merchant_id": UUID(int=0), "reference": payment["id"], **known}
    incoming_id = _insert(conn, "incoming_payments", {**row, "pays_order": True, **overrides})
    books.post(conn, incoming_id)
    return incoming_id


def money_matter(conn: psycopg.Connection, order_id: UUID, **overrides: Any) -> UUID:
    """Open a matter about the money of an order: a part of it was refunded elsewhere."""
    organisation_id, currency = (
        conn.execute("SELECT organisation_id, currency FROM orders WHERE id = %s", [order_id]).fetchone() or ()
    )
    row = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "kind": "refunded_elsewhere",
        "subject": str(new_id()),
        "order_id": order_id,
        "provider": "sandbox",
        "merchant_id": UUID(int=0),
        "reference": "re_elsewhere",
        "amount": 100,
        "currency": currency,
        "details": "{}",
        **overrides,
    }
    return _insert(conn, "money_matters", row)


def export(conn: psycopg.Connection, organisation_id: UUID, **overrides: Any) -> UUID:
    """Ask for an export of an organisation, by default of its orders as CSV."""
    kind = "attendees" if "event_id" in overrides else "orders"
    row = {"id": new_id(), "organisation_id": organisation_id, "kind": kind, "format": "csv", "asked_by": new_id()}
    return _insert(conn, "exports", {**row, **overrides})


def funds(conn: psycopg.Connection, organisation_id: UUID, amount: int, currency: str = "NGN") -> None:
    """Let an organisation have money that it can be paid out."""
    from boxoffice.ledger import service
    from boxoffice.ledger.models import Transfer

    service.post_difference(conn, organisation_id, currency, new_id(), [Transfer("correction", amount)])  # type: ignore[arg-type]


ACCOUNT_NUMBER = "0000014579"
"""The Central Bank of Nigeria's own example of an account number, at the bank 011."""


def payout_method(conn: psycopg.Connection, organisation_id: UUID, **overrides: Any) -> UUID:
    """Make a payout method that can be used: a bank account in Nigeria, or one with the ``number``."""
    number = overrides.pop("number", ACCOUNT_NUMBER)
    method = new_id()
    ring = config.settings().data_keys_secret
    encrypted = encrypt(ring, "payout account", organisation_id.bytes + method.bytes, number.encode())
    row = {
        "id": method,
        "organisation_id": organisation_id,
        "kind": "bank_account",
        "country": "NG",
        "currency": "NGN",
        "holder": "Freedom Park Ltd",
        "bank": "011",
        "ending": number[-4:],
        "key_id": encrypted.key_id,
        "account": encrypted.content,
        "created_by": new_id(),
        "created_at": NOW - timedelta(days=3),
        "usable_from": NOW - timedelta(days=1),
        **overrides,
    }
    return _insert(conn, "payout_methods", row)


def payout_file(conn: psycopg.Connection, **overrides: Any) -> UUID:
    """Make a file for the bank without payouts."""
    row = {"id": new_id(), "format": "csv", "currency": "NGN", "created_by": new_id(), "created_at": NOW, **overrides}
    return _insert(conn, "payout_files", row)


def payout(conn: psycopg.Connection, method_id: UUID, owner: UUID, **overrides: Any) -> UUID:
    """Make a payout by a method, and post it. One that is not requested was decided on by nobody in particular."""
    from boxoffice.ledger import service
    from boxoffice.payouts import rules

    organisation, currency = conn.execute(
        "SELECT organisation_id, currency FROM payout_methods WHERE id = %s", [method_id]
    ).fetchone() or (new_id(), "")
    row = {"id": new_id(), "organisation_id": organisation, "method_id": method_id, "currency": currency}
    row |= {"amount": 10_000, "status": "requested", "requested_by": owner, "requested_at": NOW, **overrides}
    if row["status"] != "requested":
        row |= {"decided_by": new_id(), "decided_at": NOW}
    if row["status"] in ("sent", "returned"):
        row |= {"bank_reference": "RF18539007547034", "value_date": NOW.date()}
    transfers = rules.transfers_of(row["status"], row["amount"])
    service.post_difference(conn, organisation, currency, row["id"], transfers)  # type: ignore[arg-type]
    return _insert(conn, "payouts", row)


def scan(conn: psycopg.Connection, ticket_id: UUID, scanner: UUID, **fields: Any) -> UUID:
    """Scan a ticket, as a member of its organisation. Return the scan's id."""
    from boxoffice.auth import Caller, Who
    from boxoffice.checkin import service as checkin
    from boxoffice.checkin.models import TicketScanRequest

    request = TicketScanRequest.model_validate(fields)
    return checkin.scan_ticket_by_id(conn, Caller(Who.SCANNER, scanner), ticket_id, request).scan_id


def place(conn: psycopg.Connection, *, capacity: int = 10, **overrides: Any) -> UUID:
    """Make a cloakroom with its slots, all free."""
    row = {
        "id": new_id(),
        "organisation_id": overrides.get("organisation_id") or organisation(conn),
        "name": f"Cloakroom {next(_number)}",
        "capacity": capacity,
        "time_zone": "Africa/Lagos",
        **overrides,
    }
    place_id = _insert(conn, "places", row)
    conn.execute(
        "INSERT INTO slots (place_id, number) SELECT %s, n FROM generate_series(1, %s) AS n", [place_id, capacity]
    )
    return place_id


def claim(conn: psycopg.Connection, place_id: UUID) -> tuple[UUID, str]:
    """Claim the lowest free slot for a new customer. Return the claim's id and its QR."""
    from boxoffice.auth import Caller, Who
    from boxoffice.slots import service as slots
    from boxoffice.slots.models import ClaimRequest

    found = conn.execute(
        "SELECT account_id FROM members JOIN places USING (organisation_id) WHERE id = %s", [place_id]
    ).fetchone()
    assert found is not None
    customer = {"email": f"customer{next(_number)}@example.com", "name": "Ada Customer"}
    request = ClaimRequest.model_validate({"customer": customer})
    claimed = slots.claim_slot(conn, Caller(Who.SCANNER, found[0]), place_id, request, uuid.uuid4().hex)
    return claimed.id, claimed.qr


def transfer(conn: psycopg.Connection, ticket_id: UUID, *, email: str = "bola@example.com") -> UUID:
    """Start a transfer, as the ticket's buyer. Return its id."""
    from boxoffice.auth import Caller, Who
    from boxoffice.guest_tokens import order_token
    from boxoffice.tickets import transfers
    from boxoffice.tickets.models import TransferRequest

    found = conn.execute("SELECT order_id FROM tickets WHERE id = %s", [ticket_id]).fetchone()
    assert found is not None
    guest = Caller(Who.GUEST, guest_token=order_token(found[0]))
    with conn.transaction():
        return transfers.start_transfer(conn, guest, ticket_id, TransferRequest(email=email)).id


def refund(conn: psycopg.Connection, ticket_id: UUID) -> None:
    """Refund a ticket to its buyer, even if it was used."""
    from boxoffice.auth import Caller, Who
    from boxoffice.refunds import service as refunds
    from boxoffice.refunds.models import RefundRequest

    order_id, organisation_id, total = (
        conn.execute(
            """SELECT order_id, orders.organisation_id, total FROM tickets JOIN orders ON orders.id = order_id
            WHERE tickets.id = %s""",
            [ticket_id],
        ).fetchone()
        or ()
    )
    if total and not conn.execute("SELECT 1 FROM payments WHERE order_id = %s", [order_id]).fetchone():
        payment(conn, order_id, status="succeeded")
    manager = Caller(Who.MANAGER, member(conn, organisation_id, "manager"))
    request = RefundRequest(ticket_ids=[ticket_id], force=True)
    refunds.refund_order(conn, manager, order_id, request, uuid.uuid4().hex)


def seats(conn: psycopg.Connection, ticket_type_id: UUID, *rows: int, section: str = "Stalls") -> list[list[UUID]]:
    """Make seats for a ticket type of which nothing is sold.

    Args:
        rows: how many seats each row has. Rows are called A, B and so on.
        section: where the rows are.

    Returns:
        The ids of the seats, row by row.
    """
    from boxoffice.seats import service
    from boxoffice.seats.models import SeatMapRequest

    event_id, pool_id = (
        conn.execute("SELECT event_id, pool_id FROM ticket_types WHERE id = %s", [ticket_type_id]).fetchone() or ()
    )
    numbers = [[str(number) for number in range(1, length + 1)] for length in rows]
    named = [{"section": section, "row": chr(65 + row), "numbers": each} for row, each in enumerate(numbers)]
    with conn.transaction():
        request = SeatMapRequest.model_validate({"rows": named})
        size = service.define(conn, ticket_type_id, event_id, request)
        stock.resize_pool(conn, pool_id, size.seats)
        conn.execute("UPDATE ticket_types SET seated = true WHERE id = %s", [ticket_type_id])
    return [row.seat_ids for row in service.list_seats(conn, ticket_type_id, None).items]


def waitlist_entry(conn: psycopg.Connection, ticket_type_id: UUID, *, quantity: int = 2, **overrides: Any) -> UUID:
    """Make a waitlist entry of a ticket type."""
    row = conn.execute(
        """SELECT event_id, organisation_id
        FROM ticket_types JOIN events ON events.id = event_id WHERE ticket_types.id = %s""",
        [ticket_type_id],
    ).fetchone()
    event_id, organisation_id = row or (None, None)
    email = overrides.get("email", f"waiting{next(_number)}@example.com")
    columns = {
        "id": new_id(),
        "organisation_id": organisation_id,
        "event_id": event_id,
        "ticket_type_id": ticket_type_id,
        "name": "Ada Waiting",
        "email": email,
        "mailbox": mailbox_of(email),
        "quantity": quantity,
        **overrides,
    }
    return _insert(conn, "waitlist_entries", columns)


def waitlist_token(conn: psycopg.Connection, ticket_type_id: UUID, *, quantity: int = 2, email: str = "") -> str:
    """Make the token of a link that puts an address in the line for a ticket type."""
    content = {"name": "Ada Waiting", "email": email or f"waiting{next(_number)}@example.com", "quantity": quantity}
    return one_time_token(conn, Purpose.JOIN_WAITLIST, ticket_type_id=str(ticket_type_id), **content)


def subscription_link_token(conn: psycopg.Connection, organisation_id: UUID | None, email: str = "") -> str:
    """Make the token of a link that subscribes an address to the newsletter of an organisation."""
    content = {"email": email or f"reader{next(_number)}@example.com", "consent_version": "2027-01", "locale": None}
    whose = str(organisation_id) if organisation_id else None
    return one_time_token(conn, Purpose.SUBSCRIBE, organisation_id=whose, **content)


def order_request(ticket_type_id: UUID, quantity: int = 2, **overrides: Any) -> dict[str, Any]:
    """Return the body of a request that places an order."""
    return {
        "items": [{"ticket_type_id": str(ticket_type_id), "quantity": quantity}],
        "buyer": {"name": "Ada Buyer", "email": f"{uuid.uuid4().hex[:12]}@example.com"},
        **overrides,
    }


def one_time_token(conn: psycopg.Connection, purpose: Purpose, **facts: Any) -> str:
    """Issue a one-time token for an hour, and return its text."""
    from boxoffice import one_time

    return one_time.token_of(purpose, one_time.issue(conn, purpose, timedelta(hours=1), **facts))


def text_of(purpose: Purpose, token_id: UUID) -> str:
    """Return the text of a one-time token."""
    from boxoffice import one_time

    return one_time.token_of(purpose, token_id)


def _insert(conn: psycopg.Connection, table: str, row: dict[str, Any]) -> UUID:
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    conn.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", row)
    return row.get("id", row.get("order_id"))


def failed_message(conn: psycopg.Connection, **overrides: Any) -> UUID:
    """Make an email that has failed, by default one to nobody in particular."""
    message, address = new_id(), f"{new_id().hex}@example.com"
    row = {"id": message, "kind": "email", "template": "order_links", "recipient": address, "status": "failed"}
    row |= {"payload": Jsonb({"email": address}), "attempts": 5, "last_error": "MessageRejected: no", **overrides}
    return _insert(conn, "outbox", row)


def suppression(conn: psycopg.Connection, address: str | None = None, **overrides: Any) -> UUID:
    """Suppress an address."""
    row = {"id": new_id(), "address": address or f"{new_id().hex}@example.com", "reason": "bounced", "detail": ""}
    return _insert(conn, "suppressed_addresses", {**row, "suppressed_at": NOW, **overrides})


def subscription(conn: psycopg.Connection, organisation_id: UUID | None, **overrides: Any) -> UUID:
    """Let somebody subscribe to the newsletter of an organisation, or of the platform."""
    email = overrides.get("email") or f"{new_id().hex}@example.com"
    row = {"id": new_id(), "organisation_id": organisation_id, "email": email, "mailbox": mailbox_of(email)}
    return _insert(conn, "newsletter_subscriptions", {**row, "consent_version": "2027-01", **overrides})


def issue(conn: psycopg.Connection, organisation_id: UUID | None, sender: UUID, **overrides: Any) -> UUID:
    """Make an issue of a newsletter, as an owner or an admin sends it."""
    row = {"id": new_id(), "organisation_id": organisation_id, "sent_by": sender, "expected": 1}
    return _insert(conn, "newsletter_issues", row | {"subject": "June", "body": "*Jazz* in June."} | overrides)


def announcement(conn: psycopg.Connection, event_id: UUID, sender: UUID, **overrides: Any) -> UUID:
    """Make an announcement to the holders of an event, as a manager sends it."""
    (organisation,) = conn.execute("SELECT organisation_id FROM events WHERE id = %s", [event_id]).fetchone() or ()
    row = {"id": new_id(), "organisation_id": organisation, "event_id": event_id, "sent_by": sender, "expected": 1}
    row |= {"subject": "Bring a coat", "body": "It is cold.", "audience": "holders", "ticket_status": "valid"}
    return _insert(conn, "announcements", row | overrides)
