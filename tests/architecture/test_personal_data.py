"""Each column of the database is known: what it says of people is in the export, or has a reason why it is not.

The table here is by hand and complete. A new column fails until it has its place in it. Ask then, too, what `erasure`
and `retention` do with it, and what docs/privacy.md says.
"""

import psycopg
import pytest

from boxoffice.privacy.models import PersonalData

# Where the export has a column: its list, and the field.
EXPORTED: dict[str, dict[str, str]] = {
    "accounts": {
        "id": "account.id",
        "email": "account.email",
        "email_verified_at": "account.email_verified_at",
        "name": "account.name",
        "phone": "account.phone",
        "phone_verified_at": "account.phone_verified_at",
        "locale": "account.locale",
        "password_hash": "account.has_password",
        "second_factor_since": "account.second_factor_since",
        "is_admin": "account.is_admin",
        "blocked_at": "account.blocked_at",
        "block_reason": "account.block_reason",
        "created_at": "account.created_at",
    },
    "sessions": {
        "id": "sessions.id",
        "device_name": "sessions.device_name",
        "user_agent": "sessions.user_agent",
        "address": "sessions.address",
        "last_used_at": "sessions.last_used_at",
        "created_at": "sessions.created_at",
        "revoked_at": "sessions.revoked_at",
    },
    "google_identities": {"subject": "account.google_subject"},
    "members": {
        "organisation_id": "memberships.organisation_id",
        "role": "memberships.role",
        "created_at": "memberships.created_at",
    },
    "invitations": {
        "id": "invitations.id",
        "organisation_id": "invitations.organisation",
        "email": "invitations.email",
        "role": "invitations.role",
        "created_at": "invitations.created_at",
        "expires_at": "invitations.expires_at",
    },
    "orders": {
        "id": "orders.id",
        "number": "orders.number",
        "organisation_id": "orders.seller",
        "status": "orders.status",
        "buyer_name": "orders.buyer_name",
        "buyer_email": "orders.buyer_email",
        "buyer_phone": "orders.buyer_phone",
        "currency": "orders.currency",
        "total": "orders.total",
        "voucher_id": "orders.voucher",
        "details": "orders.answers",
        "created_at": "orders.created_at",
    },
    "order_items": {
        "event_id": "orders.items",
        "ticket_type_id": "orders.items",
        "quantity": "orders.items",
        "total": "orders.items",
    },
    "order_refunds": dict.fromkeys(("amount", "kept", "reason", "created_at"), "orders.refunds"),
    "payments": {
        "provider": "orders.payments",
        "provider_reference": "orders.payments",
        "status": "orders.payments",
        "amount": "orders.payments",
        "created_at": "orders.payments",
    },
    "tickets": {
        "id": "tickets.id",
        "order_id": "tickets.order_id",
        "event_id": "tickets.event",
        "ticket_type_id": "tickets.ticket_type",
        "holder_name": "tickets.holder_name",
        "holder_email": "tickets.holder_email",
        "holder_contact": "tickets.holder_contact",
        "answers": "tickets.answers",
        "seat": "tickets.seat",
        "status": "tickets.status",
        "created_at": "tickets.created_at",
    },
    "transfers": {
        "id": "transfers.id",
        "ticket_id": "transfers.ticket_id",
        "status": "transfers.status",
        "from_name": "transfers.from_name",
        "from_email": "transfers.from_email",
        "to_name": "transfers.to_name",
        "to_email": "transfers.to_email",
        "created_at": "transfers.created_at",
        "expires_at": "transfers.expires_at",
        "accepted_at": "transfers.accepted_at",
    },
    "waitlist_entries": {
        "id": "waitlist_entries.id",
        "event_id": "waitlist_entries.event",
        "ticket_type_id": "waitlist_entries.ticket_type",
        "name": "waitlist_entries.name",
        "email": "waitlist_entries.email",
        "quantity": "waitlist_entries.quantity",
        "status": "waitlist_entries.status",
        "in_line_since": "waitlist_entries.in_line_since",
        "created_at": "waitlist_entries.created_at",
    },
    "newsletter_subscriptions": {
        "id": "newsletter_subscriptions.id",
        "organisation_id": "newsletter_subscriptions.organisation",
        "email": "newsletter_subscriptions.email",
        "consent_version": "newsletter_subscriptions.consent_version",
        "locale": "newsletter_subscriptions.locale",
        "confirmed_at": "newsletter_subscriptions.confirmed_at",
    },
    "customers": {
        "organisation_id": "claims.seller",
        "email": "claims.email",
        "phone": "claims.phone",
        "name": "claims.name",
    },
    "claims": {
        "id": "claims.id",
        "place_id": "claims.place",
        "slot": "claims.slot",
        "note": "claims.note",
        "claimed_at": "claims.claimed_at",
        "released_at": "claims.released_at",
    },
    "scans": {
        "id": "scans.id",
        "event_id": "scans.event",
        "ticket_id": "scans.ticket_id",
        "outcome": "scans.outcome",
        "gate": "scans.gate",
        "device_id": "scans.device_id",
        "at": "scans.at",
    },
    "outbox": {
        "id": "messages.id",
        "kind": "messages.kind",
        "template": "messages.template",
        "recipient": "messages.recipient",
        "status": "messages.status",
        "feedback": "messages.feedback",
        "created_at": "messages.created_at",
        "sent_at": "messages.sent_at",
    },
    "suppressed_addresses": {
        name: f"suppressed_addresses.{name}" for name in ("address", "reason", "detail", "suppressed_at", "lifted_at")
    },
    "audit_log": {
        "at": "audit_entries.at",
        "actor_id": "audit_entries.actor_id",
        "action": "audit_entries.action",
        "subject": "audit_entries.subject",
        "details": "audit_entries.details",
    },
    "audit_values": {"value": "audit_entries.details"},
}

OWNER = "names whose row it is, and the row is in the export"
BOOKS = "of the books: amounts, times and references, which the exported rows sum up"
OPERATION = "says how the work on the row stands"
SECRET = "would let somebody act for the person"
ANONYMOUS = "says nothing of the person"
READ_FROM = "is the language of the emails, which the person has"

# Why the export has no such column of a table whose rows are about people.
LEFT_OUT: dict[str, dict[str, str]] = {
    "accounts": {
        "erased_at": ANONYMOUS,
        "phone_lost_at": OPERATION,
        "must_change_password": OPERATION,
        "version": OPERATION,
        "search_vector": "has the words of the name, which is there",
    },
    "sessions": {"account_id": OWNER},
    "google_identities": {"issuer": ANONYMOUS, "account_id": OWNER, "created_at": OPERATION},
    "members": {"account_id": OWNER},
    "invitations": {"invited_by": "is about who has invited"},
    "orders": {
        "account_id": OWNER,
        "draws": OPERATION,
        "request_id": OPERATION,
        "fingerprint": OPERATION,
        "expires_at": OPERATION,
        "version": OPERATION,
        "email_changes": OPERATION,
    },
    "order_items": {
        "order_id": OWNER,
        **dict.fromkeys(("item_no", "is_group", "seat_ids", "terms_id"), OPERATION),
        **dict.fromkeys(("unit_price", "discount", "buyer_fee", "tax", "platform_fee"), BOOKS),
    },
    "order_refunds": {
        "id": BOOKS,
        "order_id": OWNER,
        "refund_id": BOOKS,
        "ticket_ids": BOOKS,
        "written_in": OPERATION,
        "actor_id": "is about who refunded",
    },
    "payments": {
        "id": BOOKS,
        "order_id": OWNER,
        "merchant_id": BOOKS,
        "currency": BOOKS,
        "closed_at": BOOKS,
        "late": OPERATION,
        "prepared": SECRET,
        "ask_at": OPERATION,
        "unpaid_at": OPERATION,
    },
    "tickets": {
        **dict.fromkeys(("account_id", "organisation_id", "item_no"), OWNER),
        **dict.fromkeys(("qr_hash", "former_hashes", "replaced_qrs", "key_id"), SECRET),
        **dict.fromkeys(
            ("position", "disputed", "transfer_count", "max_entries", "group_size", "changed_in", "refunded_at"),
            OPERATION,
        ),
        **dict.fromkeys(("entries", "first_scan_at", "first_scan_gate"), "is a count of the scans, which are there"),
    },
    "transfers": {
        **dict.fromkeys(("from_account_id", "to_account_id", "started_by"), OWNER),
        "transfer_count": OPERATION,
        "with_order": OPERATION,
        "locale": READ_FROM,
    },
    "waitlist_entries": {
        **dict.fromkeys(("account_id", "organisation_id"), OWNER),
        "mailbox": "is the address, as limits read it",
        **dict.fromkeys(("draws", "expires_at", "erased_quantity"), OPERATION),
        "locale": READ_FROM,
    },
    "newsletter_subscriptions": {
        "list_id": OPERATION,
        "mailbox": "is the address, as limits read it",
        "address_mac": "is of somebody who has unsubscribed, and knows nobody without the key",
        "unsubscribed_at": "is of somebody who has unsubscribed, whose address is gone",
    },
    "customers": {"id": OWNER, "account_id": OWNER, "created_at": OPERATION},
    "claims": {
        "customer_id": OWNER,
        "key_id": SECRET,
        "qr_hash": SECRET,
        "claimed_by": "is about who works there",
        "released_by": "is about who works there",
    },
    "scans": {
        "scanned_by": OWNER,
        "undone_by": "is in the audit log",
        "qr_hash": SECRET,
        **dict.fromkeys(("let_in", "transfer_count", "sequence", "received_at", "undone_at"), OPERATION),
        **dict.fromkeys(("device_time", "skew_ms", "time_unknown"), OPERATION),
    },
    "outbox": {
        "payload": "has ids, and what stands in the message itself",
        **dict.fromkeys(("attempts", "due_at", "relay_at", "last_error", "aws_message_id"), OPERATION),
    },
    "suppressed_addresses": {"id": OPERATION},
    "audit_log": {
        **dict.fromkeys(("chain", "entry", "previous_hash", "hash"), "proves that the log is whole"),
        "actor_kind": OPERATION,
        "as_admin": OPERATION,
    },
    "audit_values": {
        **dict.fromkeys(("chain", "entry", "account_id"), OWNER),
        **dict.fromkeys(("digest", "salt"), "proves that the log is whole"),
    },
}

# The tables of which no column is in the export, and why.
TABLES_LEFT_OUT: dict[str, str] = {
    # about people, for other purposes
    "refresh_tokens": SECRET,
    "second_factors": SECRET,
    "one_time_tokens": SECRET + ", and is over within days",
    "rate_limits": "counts requests for an hour or a day, by address",
    "guest_holds": "counts what a guest has at the moment or got in the last day, by address",
    "phone_codes": SECRET + ", and is deleted after two days",
    "renewals": "says how the renewal of an order's tickets stands",
    "idempotency_keys": "repeats answers that the person got, for two days",
    "erasures": "is the request to erase, and exists while that is done",
    "erased_buyers": "knows nobody without the key, and then only by their address",
    "guest_list": "has the words of names and addresses that tickets and orders have, to search by",
    "order_history": "has the states of an order; the export has the last",
    "provider_events": "is what a provider told of a payment, which the export has",
    "incoming_payments": BOOKS,
    "reversals": BOOKS,
    "ledger_corrections": "is what an admin has written about an organisation's money",
    "ledger_transfers": BOOKS,
    "statements": BOOKS,
    "provider_entries": BOOKS,
    "refunds": BOOKS,
    "payouts": BOOKS,
    "payout_methods": "is an account of the organisation, whose owners see it",
    "money_matters": "is a note for those who look after the money",
    # about nobody
    **dict.fromkeys(
        (
            "audit_chains",
            "contact_purges",
            "daily_sales",
            "daily_sales_state",
            "event_facets",
            "event_moves",
            "event_slugs",
            "event_views",
            "events",
            "fee_terms",
            "invariant_runs",
            "ledger_balances",
            "ledger_days",
            "ledger_state",
            "key_withdrawals",
            "migrations",
            "paces",
            "payout_files",
            "places",
            "platform_settings",
            "platform_settings_version",
            "provider_reports",
            "reminders",
            "seat_rows",
            "seats",
            "slots",
            "stock",
            "stock_pools",
            "ticket_types",
            "view_sources",
            "vouchers",
        ),
        ANONYMOUS,
    ),
    "organisations": "is about a business, and public",
    **dict.fromkeys(
        ("announcements", "newsletter_issues"),
        "belongs to an organisation, and names who sent it; whom it went to is in the messages",
    ),
    **dict.fromkeys(
        ("exports", "api_keys", "door_passes", "door_devices"), "belongs to an organisation, and names who made it"
    ),
    **dict.fromkeys(("webhook_endpoints", "webhook_secrets"), "belongs to an organisation, and names nobody"),
    "webhook_deliveries": "has ids and amounts, which the export has, and is deleted after a while",
    **dict.fromkeys(
        ("uploads", "galleries", "gallery_images"), "is what an organisation shows; who uploaded it is an id"
    ),
}


@pytest.fixture
def columns(conn: psycopg.Connection) -> dict[str, set[str]]:
    """Return the columns of each table."""
    found: dict[str, set[str]] = {}
    for table, column in conn.execute(
        """SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables
            USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"""
    ).fetchall():
        found.setdefault(table, set()).add(column)
    return found


def test_each_table_has_its_place(columns: dict[str, set[str]]) -> None:
    assert EXPORTED.keys() | TABLES_LEFT_OUT.keys() == columns.keys()
    assert EXPORTED.keys() & TABLES_LEFT_OUT.keys() == set()
    assert LEFT_OUT.keys() == EXPORTED.keys()


def test_each_column_of_people_has_its_place(columns: dict[str, set[str]]) -> None:
    for table, exported in EXPORTED.items():
        assert exported.keys() | LEFT_OUT[table].keys() == columns[table], table
        assert exported.keys() & LEFT_OUT[table].keys() == set(), table


def test_the_export_has_the_fields_that_the_table_names() -> None:
    lists = {name: field.annotation for name, field in PersonalData.model_fields.items() if name != "next_cursor"}
    shown = {f"{name}.{field}" for name, items in lists.items() for field in items.__args__[0].model_fields}  # type: ignore[union-attr]
    named = {field for fields in EXPORTED.values() for field in fields.values()}

    assert named <= shown
    assert shown - named == {"memberships.organisation", "tickets.starts_at", "tickets.scans"}  # of other rows
