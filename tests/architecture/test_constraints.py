"""Each constraint, unique index and trigger of the schema refuses what it is there to refuse.

The tables here are complete: a constraint without a breach fails, and so does a breach without its constraint. For a
new constraint add one line to `BREACHES`: its name, and a statement that only this constraint refuses. A new column may
belong to `NULLABLE`, and one whose type is a domain to `DOMAINS`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest

from boxoffice.stock import service as stock
from tests.helpers import factories
from tests.helpers.operations import build
from tests.helpers.support import Client, Database

NEW = "gen_random_uuid()"


@dataclass(frozen=True)
class Copy:
    """A statement that inserts a row once more, with other values in some columns."""

    table: str
    where: str
    values: dict[str, str]

    def sql(self, conn: psycopg.Connection) -> str:
        """Return the statement. It names all columns but those that PostgreSQL generates."""
        columns = [
            name
            for (name,) in conn.execute(
                """SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''
                AND NOT attisdropped""",
                [self.table],
            ).fetchall()
        ]
        names, values = ", ".join(columns), ", ".join(self.values.get(name, name) for name in columns)
        return (
            f"INSERT INTO {self.table} ({names}) OVERRIDING SYSTEM VALUE "
            f"SELECT {values} FROM {self.table} WHERE {self.where} LIMIT 1"
        )


def copy(table: str, where: str = "true", **values: str) -> Copy:
    """Return the copy of a row. ``values`` are SQL."""
    return Copy(table, where, values)


BREACHES: dict[str, str | Copy | tuple[str | Copy, ...]] = {
    # accounts
    "accounts_block_reason": "UPDATE accounts SET block_reason = 'Fraud'",
    "accounts_can_be_reached": "UPDATE accounts SET email = NULL, email_verified_at = NULL",
    "accounts_email_check": "UPDATE accounts SET email = 'Ada@example.com'",
    "accounts_email_key": copy("accounts", id=NEW),
    "accounts_email_verified": (
        "UPDATE accounts SET email = NULL, email_verified_at = now(), phone = id::text, phone_verified_at = now()"
    ),
    "accounts_phone_key": "UPDATE accounts SET phone = '+2348012345678', phone_verified_at = now()",
    "accounts_phone_verified": "UPDATE accounts SET phone = NULL, phone_verified_at = now()",
    "accounts_pkey": copy("accounts", email="'another@example.com'"),
    "sessions_account_id_fkey": f"UPDATE sessions SET account_id = {NEW}",
    "sessions_pkey": copy("sessions"),
    "refresh_tokens_session_id_fkey": f"UPDATE refresh_tokens SET session_id = {NEW}",
    "refresh_tokens_pkey": copy("refresh_tokens"),
    "second_factors_account_id_fkey": f"UPDATE second_factors SET account_id = {NEW}",
    "second_factors_pkey": copy("second_factors"),
    "google_identities_account_id_fkey": f"UPDATE google_identities SET account_id = {NEW}",
    "google_identities_account_id_issuer_key": copy("google_identities", subject="'another'"),
    "google_identities_pkey": copy("google_identities"),
    "phone_codes_pkey": copy("phone_codes"),
    "phone_codes_tries": "UPDATE phone_codes SET tries = 6",
    "phone_codes_tries_elsewhere": "UPDATE phone_codes SET tries_elsewhere = 6",
    "phone_codes_used": "UPDATE phone_codes SET tries = 0, used_at = now()",
    "one_time_tokens_account_id_fkey": f"UPDATE one_time_tokens SET account_id = {NEW}",
    "one_time_tokens_pkey": copy("one_time_tokens"),
    "rate_limits_pkey": copy("rate_limits"),
    # organisations
    "organisations_logo_id_fkey": f"UPDATE organisations SET logo_id = {NEW}",
    "organisations_pkey": copy("organisations", slug="'another'"),
    "organisations_reason": (
        "UPDATE organisations SET status = 'rejected', status_reason = NULL",
        "UPDATE organisations SET status = 'suspended', status_reason = NULL",
    ),
    "organisations_slug_check": "UPDATE organisations SET slug = slug || '-'",
    "organisations_slug_key": copy("organisations", id=NEW),
    "organisations_status_check": "UPDATE organisations SET status = 'open', status_reason = 'why'",
    "invitations_email_check": "UPDATE invitations SET email = 'Ada@example.com'",
    "invitations_invited_by_fkey": f"UPDATE invitations SET invited_by = {NEW}",
    "invitations_one_an_address": copy("invitations", id=NEW),
    "invitations_organisation_id_fkey": f"UPDATE invitations SET organisation_id = {NEW}",
    "invitations_pkey": copy("invitations", email="'another@example.com'"),
    "invitations_role_check": "UPDATE invitations SET role = 'admin'",
    "members_account_id_fkey": f"UPDATE members SET account_id = {NEW}",
    "members_organisation_id_fkey": f"UPDATE members SET organisation_id = {NEW}",
    "members_pkey": copy("members"),
    "members_role_check": "UPDATE members SET role = 'admin'",
    # payouts
    "payout_methods_account": (
        "UPDATE payout_methods SET account = NULL",
        "UPDATE payout_methods SET removed_at = now()",
    ),
    "payout_methods_bank": "UPDATE payout_methods SET bank = NULL",
    "payout_methods_kind_check": "UPDATE payout_methods SET kind = 'cash'",
    "payout_methods_id_key": copy("payout_methods", currency="'XTS'"),
    "payout_methods_organisation_id_fkey": copy("payout_methods", id=NEW, organisation_id=NEW),
    "payout_methods_pkey": copy("payout_methods"),
    "payout_methods_wait": "UPDATE payout_methods SET usable_from = created_at",
    "payout_files_format_check": "UPDATE payout_files SET format = 'pdf'",
    "payout_files_pkey": copy("payout_files"),
    "payout_files_sepa": "UPDATE payout_files SET format = 'pain.001'",
    "payouts_amount_check": "UPDATE payouts SET amount = 0",
    "payouts_decided": (
        "UPDATE payouts SET decided_by = gen_random_uuid() WHERE status = 'requested'",
        "UPDATE payouts SET status = 'approved' WHERE status = 'requested'",
    ),
    "payouts_file_id_fkey": f"UPDATE payouts SET file_id = {NEW} WHERE status = 'approved'",
    "payouts_in_file": "UPDATE payouts SET file_id = (SELECT id FROM payout_files) WHERE status = 'requested'",
    "payouts_method_fkey": (
        f"UPDATE payouts SET method_id = {NEW}",
        f"UPDATE payouts SET organisation_id = {NEW}",
        "UPDATE payouts SET currency = 'XTS'",
    ),
    "payouts_pkey": copy("payouts"),
    "payouts_reason": (
        "UPDATE payouts SET reason = 'why' WHERE status = 'requested'",
        "UPDATE payouts SET status = 'rejected' WHERE status = 'approved'",
    ),
    "payouts_sent": (
        "UPDATE payouts SET bank_reference = 'RF1' WHERE status = 'approved'",
        "UPDATE payouts SET status = 'sent' WHERE status = 'approved'",
    ),
    "payouts_status_check": "UPDATE payouts SET status = 'lost' WHERE status = 'approved'",
    # webhooks
    "webhook_endpoints_disabled": "UPDATE webhook_endpoints SET disabled_at = now()",
    "webhook_endpoints_disabled_reason_check": """UPDATE webhook_endpoints
        SET disabled_at = now(), disabled_reason = 'boring'""",
    "webhook_endpoints_failing": "UPDATE webhook_endpoints SET failures = 1",
    "webhook_endpoints_organisation_id_fkey": f"UPDATE webhook_endpoints SET organisation_id = {NEW}",
    "webhook_endpoints_pkey": copy("webhook_endpoints"),
    "webhook_secrets_current": copy("webhook_secrets", id=NEW),
    "webhook_secrets_endpoint_id_fkey": f"UPDATE webhook_secrets SET endpoint_id = {NEW}",
    "webhook_secrets_pkey": copy("webhook_secrets", ends_at="now()"),
    "webhook_deliveries_attempts": "UPDATE webhook_deliveries SET attempts_before = attempts + 1",
    "webhook_deliveries_error": "UPDATE webhook_deliveries SET status = 'failed'",
    "webhook_deliveries_pkey": copy("webhook_deliveries"),
    "webhook_deliveries_status_check": "UPDATE webhook_deliveries SET status = 'lost'",
    # keys and door passes
    "api_keys_expire": "UPDATE api_keys SET expires_at = created_at",
    "api_keys_hash_key": copy("api_keys", id=NEW),
    "api_keys_organisation_id_fkey": f"UPDATE api_keys SET organisation_id = {NEW}",
    "api_keys_pkey": copy("api_keys", key_hash="''"),
    "api_keys_scopes_check": "UPDATE api_keys SET scopes = '{}'",
    "door_passes_end": "UPDATE door_passes SET until = created_at",
    "door_passes_event_ids_check": "UPDATE door_passes SET event_ids = '{}'",
    "door_passes_gates_check": "UPDATE door_passes SET gates = '{}'",
    "door_passes_max_devices_check": "UPDATE door_passes SET max_devices = 0",
    "door_passes_organisation_id_fkey": f"UPDATE door_passes SET organisation_id = {NEW}",
    "door_passes_pkey": copy("door_passes"),
    "door_devices_pass_id_fkey": f"UPDATE door_devices SET pass_id = {NEW}",
    "door_devices_pkey": copy("door_devices", token_hash="''"),
    "door_devices_token_key": copy("door_devices", id=NEW),
    # stock
    "stock_pools_pkey": copy("stock_pools"),
    "stock_pools_quantity_check": "UPDATE stock_pools SET quantity = -1",
    "stock_pools_row_count_check": "UPDATE stock_pools SET row_count = 0",
    "stock_pkey": copy("stock"),
    "stock_pool_id_fkey": f"UPDATE stock SET pool_id = {NEW}",
    # events
    "events_capacity_pool_id_fkey": f"UPDATE events SET capacity_pool_id = {NEW}",
    "events_capacity_pool_id_key": copy("events", "capacity_pool_id IS NOT NULL", id=NEW),
    "events_country_check": "UPDATE events SET country = 'NGA'",
    "events_currency_check": "UPDATE events SET currency = 'NG'",
    "events_form_check": (
        "UPDATE events SET form = '{}'",
        """UPDATE events SET form = '{"holders": {"name": "asked", "email": "required"}, "questions": []}'""",
        """UPDATE events SET form = '{"holders": {"name": "required", "email": "asked"}, "questions": []}'""",
        """UPDATE events SET form = '{"holders": {"name": "required", "email": "required"}, "questions": {}}'""",
    ),
    "events_image_id_fkey": f"UPDATE events SET image_id = {NEW}",
    "events_late_payments": (
        "UPDATE events SET late_payments_until = starts_at, late_payments_share = NULL",
        "UPDATE events SET late_payments_until = NULL, late_payments_share = 10",
    ),
    "events_late_payments_before_start": (
        "UPDATE events SET late_payments_until = starts_at + interval '1 second', late_payments_share = 10"
    ),
    "events_waitlist_offer_minutes_check": "UPDATE events SET waitlist_offer_minutes = 0",
    "events_late_payments_share_check": (
        "UPDATE events SET late_payments_until = starts_at, late_payments_share = 0",
        "UPDATE events SET late_payments_until = starts_at, late_payments_share = 101",
    ),
    "events_doors_before_end": "UPDATE events SET doors_open_at = ends_at",
    "events_end_after_start": "UPDATE events SET ends_at = starts_at",
    "events_organisation_id_fkey": f"UPDATE events SET organisation_id = {NEW}",
    "event_slugs_organisation_id_fkey": f"INSERT INTO event_slugs VALUES ({NEW}, 'jazz', {NEW})",
    "event_slugs_pkey": copy("event_slugs", event_id=NEW),
    "event_slugs_slug_check": copy("event_slugs", slug="'Jazz'"),
    "event_facets_is_only_check": "INSERT INTO event_facets (is_only) VALUES (false)",
    "event_facets_pkey": copy("event_facets"),
    "events_slug_fkey": "UPDATE events SET slug = id::text",
    "events_slug_key": copy("events", id=NEW, capacity_pool_id="NULL"),
    "events_pkey": copy("events", capacity_pool_id="NULL"),
    "events_status_check": "UPDATE events SET status = 'over'",
    # ticket types
    "ticket_types_event_id_fkey": f"UPDATE ticket_types SET event_id = {NEW}",
    "ticket_types_max_entries_check": "UPDATE ticket_types SET max_entries = 0",
    "ticket_types_min_per_order_check": "UPDATE ticket_types SET min_per_order = 0",
    "ticket_types_order_limits": (
        "UPDATE ticket_types SET min_per_order = 3, max_per_order = 2",
        "UPDATE ticket_types SET min_per_order = 3, max_per_buyer = 2",
    ),
    "ticket_types_pkey": copy("ticket_types", pool_id="(SELECT capacity_pool_id FROM events ORDER BY 1 LIMIT 1)"),
    "ticket_types_pool_id_fkey": f"UPDATE ticket_types SET pool_id = {NEW}",
    "ticket_types_pool_id_key": copy("ticket_types", id=NEW),
    "ticket_types_price_check": "UPDATE ticket_types SET price = -1",
    "ticket_types_sale_window": "UPDATE ticket_types SET sales_start = now(), sales_end = now()",
    "ticket_types_ticket_mode_check": "UPDATE ticket_types SET ticket_mode = 'pair'",
    # seats
    "seat_rows_longest_free_check": "UPDATE seat_rows SET longest_free = -1",
    "seat_rows_name": copy("seat_rows", id=NEW),
    "seat_rows_pkey": copy("seat_rows", key="'Z'"),
    "seat_rows_ticket_type_id_fkey": f"UPDATE seat_rows SET ticket_type_id = {NEW}",
    "seats_once_an_event": copy("seats", id=NEW),
    "seats_pkey": copy("seats", key="'99'"),
    "seats_row_id_fkey": f"UPDATE seats SET row_id = {NEW}",
    "seats_sold_to_somebody": "UPDATE seats SET sold = true, owner_id = NULL",
    # waitlist
    "waitlist_entries_pkey": copy("waitlist_entries", email="'another@example.com'"),
    "waitlist_entries_status_check": "UPDATE waitlist_entries SET status = 'lost'",
    "waitlist_offers": (
        "UPDATE waitlist_entries SET status = 'offered', draws = '{}', expires_at = NULL",
        "UPDATE waitlist_entries SET status = 'offered', draws = NULL, expires_at = now()",
    ),
    "waitlist_one_entry": (
        copy("waitlist_entries", id=NEW),
        copy("waitlist_entries", id=NEW, status="'offered'", draws="'{}'", expires_at="now()"),
    ),
    # media
    "uploads_due_unless_shown": "UPDATE uploads SET status = 'pending', picture = NULL, due_at = NULL",
    "uploads_organisation_id_fkey": f"UPDATE uploads SET organisation_id = {NEW}",
    "uploads_picture_or_refusal": "UPDATE uploads SET refusal = 'damaged'",
    "uploads_pkey": copy("uploads"),
    "uploads_storage_check": "UPDATE uploads SET storage = 'elsewhere'",
    "uploads_ready_with_picture": "UPDATE uploads SET picture = NULL",
    "uploads_refused_with_reason": "UPDATE uploads SET status = 'refused', picture = NULL, due_at = now()",
    "uploads_size_check": "UPDATE uploads SET size = 0",
    "uploads_status_check": "UPDATE uploads SET status = 'lost', due_at = now()",
    "galleries_event_id_fkey": f"UPDATE galleries SET event_id = {NEW}",
    "galleries_organisation_id_fkey": f"UPDATE galleries SET organisation_id = {NEW}",
    "galleries_pkey": copy("galleries"),
    "gallery_images_gallery_id_fkey": f"UPDATE gallery_images SET gallery_id = {NEW}",
    "gallery_images_once": copy("gallery_images", id=NEW, position="2"),
    "gallery_images_pkey": copy(
        "gallery_images",
        position="2",
        upload_id="(SELECT id FROM uploads AS other WHERE other.id <> upload_id LIMIT 1)",
    ),
    "gallery_images_position": copy(
        "gallery_images", id=NEW, upload_id="(SELECT id FROM uploads AS other WHERE other.id <> upload_id LIMIT 1)"
    ),
    "gallery_images_position_check": (
        "UPDATE gallery_images SET position = 0",
        "UPDATE gallery_images SET position = 101",
    ),
    "gallery_images_upload_id_fkey": f"UPDATE gallery_images SET upload_id = {NEW}",
    # vouchers
    "vouchers_code_check": "UPDATE vouchers SET code = 'summer'",
    "vouchers_discount": (
        "UPDATE vouchers SET discount_kind = 'percent', discount_value = NULL",
        "UPDATE vouchers SET discount_kind = 'free', discount_value = 1",
        "UPDATE vouchers SET discount_kind = NULL, discount_value = 1, unlocks_hidden = true",
    ),
    "vouchers_discount_kind_check": "UPDATE vouchers SET discount_kind = 'half'",
    "vouchers_discount_value_check": "UPDATE vouchers SET discount_value = 0",
    "vouchers_event_id_fkey": f"UPDATE vouchers SET event_id = {NEW}",
    "vouchers_live_code": copy("vouchers", id=NEW, pool_id="(SELECT capacity_pool_id FROM events ORDER BY 1 LIMIT 1)"),
    "vouchers_max_per_buyer_check": "UPDATE vouchers SET max_per_buyer = 0",
    "vouchers_max_tickets_per_redemption_check": "UPDATE vouchers SET max_tickets_per_redemption = 0",
    "vouchers_pkey": copy(
        "vouchers", code="'OTHER'", pool_id="(SELECT capacity_pool_id FROM events ORDER BY 1 LIMIT 1)"
    ),
    "vouchers_pool_id_fkey": f"UPDATE vouchers SET pool_id = {NEW}",
    "vouchers_pool_id_key": copy("vouchers", id=NEW, code="'OTHER'"),
    "vouchers_use": "UPDATE vouchers SET discount_kind = NULL, discount_value = NULL, unlocks_hidden = false",
    "vouchers_validity": "UPDATE vouchers SET valid_from = now(), valid_until = now()",
    # orders
    "orders_number_key": copy("orders", id=NEW, request_id=NEW),
    "orders_pkey": copy("orders", number="'OTHER'", request_id=NEW),
    "orders_request_id_key": copy("orders", id=NEW, number="'OTHER'"),
    "order_items_pkey": copy("order_items"),
    "order_history_order_id_fkey": f"UPDATE order_history SET order_id = {NEW}",
    "order_history_pkey": copy("order_history"),
    "erased_buyers_order_id_fkey": f"UPDATE erased_buyers SET order_id = {NEW}",
    "erased_buyers_pkey": copy("erased_buyers"),
    "guest_holds_pkey": copy("guest_holds"),
    # payments
    "payments_amount_check": "UPDATE payments SET amount = 0",
    "payments_one_open": copy("payments", "ask_at IS NOT NULL", id=NEW, provider_reference="'other'"),
    "payments_one_success": copy("payments", "status = 'succeeded'", id=NEW, provider_reference="'other'"),
    "payments_order_id_fkey": f"UPDATE payments SET order_id = {NEW}",
    "payments_pkey": copy("payments", "status = 'pending'", provider_reference="'other'"),
    "payments_reference_key": copy("payments", "status = 'pending'", id=NEW),
    "payments_status_check": "UPDATE payments SET status = 'lost'",
    "paces_pkey": copy("paces"),
    "provider_events_payment_id_fkey": f"UPDATE provider_events SET payment_id = {NEW}",
    "provider_events_pkey": copy("provider_events"),
    "incoming_payments_amount_check": "UPDATE incoming_payments SET amount = 0, refunded = 0",
    "incoming_payments_paid_once": copy("incoming_payments", "pays_order", id=NEW, reference="'other'"),
    "incoming_payments_payment_id_fkey": f"UPDATE incoming_payments SET payment_id = {NEW}",
    "incoming_payments_pkey": copy("incoming_payments", pays_order="false", reference="'other'"),
    "incoming_payments_reference_key": copy("incoming_payments", id=NEW, pays_order="false"),
    "incoming_payments_refunded": (
        "UPDATE incoming_payments SET refunded = -1",
        "UPDATE incoming_payments SET refunded = amount + 1",
        "UPDATE incoming_payments SET refunded_elsewhere = -1",
        "UPDATE incoming_payments SET refunded = 1, refunded_elsewhere = amount",
    ),
    "incoming_payments_ends_order": "UPDATE incoming_payments SET ends_order_at = now(), pays_order = false",
    "reversals_amount_check": "UPDATE reversals SET amount = 0",
    "reversals_booked_check": "UPDATE reversals SET booked = -1",
    "reversals_booked_somewhere": "UPDATE reversals SET booked = 1, incoming_payment_id = NULL",
    "reversals_incoming_payment_id_fkey": f"UPDATE reversals SET incoming_payment_id = {NEW}",
    "reversals_kind_check": "UPDATE reversals SET kind = 'theft', status = 'open'",
    "reversals_payment_id_fkey": f"UPDATE reversals SET payment_id = {NEW}",
    "reversals_pkey": copy("reversals", reference="'other'"),
    "reversals_reference_key": copy("reversals", id=NEW),
    "reversals_status_check": "UPDATE reversals SET kind = 'dispute', status = 'tied'",
    "reversals_status_of_kind": (
        "UPDATE reversals SET kind = 'refund', status = 'won'",
        "UPDATE reversals SET kind = 'dispute', status = 'made'",
    ),
    # refunds
    "refunds_amount_check": "UPDATE refunds SET amount = 0",
    "refunds_elsewhere": (
        "UPDATE refunds SET elsewhere = -1",
        "UPDATE refunds SET elsewhere = amount + 1, status = 'succeeded'",
    ),
    "refunds_nothing_to_send": "UPDATE refunds SET elsewhere = amount, status = 'by_hand'",
    "refunds_failed_with_reason": "UPDATE refunds SET status = 'failed', last_error = NULL",
    "refunds_incoming_payment_id_fkey": f"UPDATE refunds SET incoming_payment_id = {NEW}",
    "refunds_open_due": (
        "UPDATE refunds SET status = 'owed', due_at = NULL",
        "UPDATE refunds SET status = 'sent', due_at = NULL",
    ),
    "refunds_payment_id_fkey": f"UPDATE refunds SET payment_id = {NEW}",
    "refunds_pkey": copy("refunds"),
    "refunds_status_check": "UPDATE refunds SET status = 'lost'",
    "order_refunds_kept": "UPDATE order_refunds SET kept = 1, ticket_ids = '{}'",
    "order_refunds_money": (
        "UPDATE order_refunds SET refund_id = NULL",
        "UPDATE order_refunds SET amount = 0",
    ),
    "order_refunds_order_id_fkey": f"UPDATE order_refunds SET order_id = {NEW}",
    "order_refunds_pkey": copy("order_refunds", amount="0", refund_id="NULL"),
    "order_refunds_refund_id_fkey": f"UPDATE order_refunds SET refund_id = {NEW}",
    "order_refunds_refund_id_key": copy("order_refunds", id=NEW),
    "money_matters_amount_check": "UPDATE money_matters SET amount = 0",
    "money_matters_amount_currency": (
        "UPDATE money_matters SET currency = NULL",
        "UPDATE money_matters SET amount = NULL",
    ),
    "money_matters_kind_check": "UPDATE money_matters SET kind = 'gift'",
    "money_matters_order_id_fkey": f"UPDATE money_matters SET order_id = {NEW}",
    "money_matters_payment_id_fkey": f"UPDATE money_matters SET payment_id = {NEW}",
    "money_matters_pkey": copy("money_matters", subject="'other'"),
    "money_matters_refund_id_fkey": f"UPDATE money_matters SET refund_id = {NEW}",
    "money_matters_settled": (
        "UPDATE money_matters SET settled_at = now(), resolution = NULL",
        "UPDATE money_matters SET settled_at = NULL, resolution = 'done'",
    ),
    "money_matters_subject_key": copy("money_matters", id=NEW),
    # tickets
    "tickets_entries": (
        "UPDATE tickets SET entries = -1",
        "UPDATE tickets SET entries = max_entries + 1",
    ),
    "tickets_former_hashes": (
        "UPDATE tickets SET transfer_count = 3",
        "UPDATE tickets SET former_hashes = '{a,b,c}'",
    ),
    "tickets_issued_once": copy("tickets", id=NEW),
    "tickets_order_id_item_no_fkey": "UPDATE tickets SET item_no = 99",
    "tickets_pkey": copy("tickets", position="99"),
    "tickets_status_check": "UPDATE tickets SET status = 'lost'",
    "transfers_accepted": (
        "UPDATE transfers SET status = 'accepted', to_name = NULL, transfer_count = 9, accepted_at = now()",
        "UPDATE transfers SET status = 'accepted', to_name = 'Bola', transfer_count = NULL, accepted_at = now()",
        "UPDATE transfers SET status = 'accepted', to_name = 'Bola', transfer_count = 9, accepted_at = NULL",
        "UPDATE transfers SET status = 'replaced', to_name = 'Bola', transfer_count = 9, accepted_at = now()",
    ),
    "transfers_chain": copy("transfers", "status = 'accepted'", id=NEW),
    "transfers_one_pending": copy("transfers", "status = 'pending'", id=NEW),
    "transfers_pkey": copy("transfers", "status = 'accepted'", transfer_count="9"),
    "transfers_status_check": "UPDATE transfers SET status = 'lost' WHERE status = 'pending'",
    "transfers_ticket_id_fkey": f"UPDATE transfers SET ticket_id = {NEW}",
    # check-in
    "scans_let_in": "UPDATE scans SET outcome = 'admitted', let_in = false",
    "scans_numbered": "UPDATE scans SET device_id = NULL, sequence = 1",
    "scans_pkey": copy("scans", sequence="99"),
    "scans_sequence_key": copy("scans", "sequence IS NOT NULL", id=NEW),
    "scans_ticket_id_fkey": f"UPDATE scans SET ticket_id = {NEW}",
    "scans_time": "UPDATE scans SET time_unknown = true, device_time = NULL",
    "scans_undone": (
        "UPDATE scans SET outcome = 'undone', undone_at = NULL",
        "UPDATE scans SET outcome = 'admitted', undone_at = now()",
    ),
    # places with capacity
    "places_capacity_check": "UPDATE places SET capacity = -1",
    "places_event_id_fkey": f"UPDATE places SET event_id = {NEW}",
    "places_organisation_id_fkey": f"UPDATE places SET organisation_id = {NEW}",
    "places_pkey": copy("places"),
    "slots_number_check": "UPDATE slots SET number = 0 WHERE state = 'free' AND number = 9",
    "slots_pkey": copy("slots"),
    "slots_place_id_fkey": f"UPDATE slots SET place_id = {NEW} WHERE state = 'free'",
    "slots_state_check": "UPDATE slots SET state = 'broken'",
    "customers_account_id_fkey": f"UPDATE customers SET account_id = {NEW}, email = NULL, phone = NULL",
    "customers_email_check": "UPDATE customers SET email = 'Ada@example.com' WHERE email IS NOT NULL",
    "customers_identity_key": copy("customers", id=NEW),
    "customers_one_identity": (
        "UPDATE customers SET account_id = NULL, email = NULL, phone = NULL",
        "UPDATE customers SET email = 'ada@example.com', phone = '+2348012345678'",
    ),
    "guest_list_pkey": copy("guest_list"),
    "customers_pkey": copy("customers", account_id="NULL", email="NULL", phone="'+2348012345678'"),
    "claims_customer_id_fkey": f"UPDATE claims SET customer_id = {NEW}",
    "claims_one_open": copy("claims", "released_at IS NULL", id=NEW),
    "claims_pkey": copy("claims", slot="9"),
    "claims_place_id_slot_fkey": "UPDATE claims SET slot = 99",
    # privacy
    "erasures_account_id_fkey": f"UPDATE erasures SET account_id = {NEW}",
    "erasures_account_id_key": copy("erasures", "account_id IS NOT NULL", id=NEW),
    "erasures_due_until_finished": (
        "UPDATE erasures SET due_at = NULL",
        "UPDATE erasures SET finished_at = now(), email = NULL, phone = NULL",
    ),
    "erasures_finished_without_contact": (
        "UPDATE erasures SET finished_at = now(), due_at = NULL, email = NULL, phone = '+2348012345678'",
        "UPDATE erasures SET finished_at = now(), due_at = NULL, email = 'ada@example.com', phone = NULL",
    ),
    "erasures_pkey": copy("erasures", account_id="NULL"),
    "event_moves_event_id_fkey": f"UPDATE event_moves SET event_id = {NEW}",
    "event_moves_open": copy("event_moves", id=NEW, version="9"),
    "event_moves_pkey": copy("event_moves", version="9", outcome="'told'"),
    "event_moves_outcome_check": "UPDATE event_moves SET outcome = 'forgotten'",
    "event_moves_version": copy("event_moves", id=NEW, outcome="'told'"),
    "contact_purges_event_id_fkey": f"UPDATE contact_purges SET event_id = {NEW}",
    "contact_purges_pkey": copy("contact_purges"),
    # the platform
    "platform_settings_pkey": copy("platform_settings"),
    "fee_terms_basis_points": copy("fee_terms", id=NEW, currency="'KES'", basis_points="10001"),
    "fee_terms_bounds": copy("fee_terms", id=NEW, currency="'KES'", minimum="2", maximum="1"),
    "fee_terms_one_holds": copy("fee_terms", id=NEW),
    "fee_terms_pkey": copy("fee_terms", currency="'KES'"),
    "fee_terms_replaced": "UPDATE fee_terms SET replaced_at = created_at - interval '1 second'",
    "daily_sales_pkey": copy("daily_sales"),
    "daily_sales_state_is_only_check": "UPDATE daily_sales_state SET is_only = false",
    "daily_sales_state_pkey": copy("daily_sales_state"),
    "ledger_balances_pkey": copy("ledger_balances"),
    "ledger_corrections_amount_check": copy("ledger_corrections", id=NEW, amount="0"),
    "ledger_corrections_organisation_id_fkey": copy("ledger_corrections", id=NEW, organisation_id=NEW),
    "ledger_corrections_pkey": copy("ledger_corrections"),
    "ledger_days_pkey": copy("ledger_days"),
    "ledger_state_is_only_check": "UPDATE ledger_state SET is_only = false",
    "ledger_state_pkey": copy("ledger_state"),
    "ledger_transfers_amount_check": copy("ledger_transfers", id=NEW, line_no="9", amount="0"),
    "ledger_transfers_holder_check": copy("ledger_transfers", id=NEW, line_no="9", holder="'nobody'"),
    "ledger_transfers_pkey": copy("ledger_transfers", line_no="9"),
    "ledger_transfers_posting_no_check": copy("ledger_transfers", id=NEW, posting_no="0"),
    "ledger_transfers_source_key": copy("ledger_transfers", id=NEW),
    "statements_of_months": "UPDATE statements SET month = '2026-06-02'",
    "statements_organisation_id_fkey": f"UPDATE statements SET organisation_id = {NEW}",
    "statements_pkey": copy("statements"),
    # provider reports
    "provider_entries_charged": copy("provider_entries", id=NEW, reference="'other'", charged_currency="NULL"),
    "provider_entries_difference_check": "UPDATE provider_entries SET difference = 'odd'",
    "provider_entries_incoming_payment_id_fkey": f"UPDATE provider_entries SET incoming_payment_id = {NEW}",
    "provider_entries_kind_check": "UPDATE provider_entries SET kind = 'gift'",
    "provider_entries_pkey": copy("provider_entries", reference="'other'"),
    "provider_entries_reference_key": copy("provider_entries", id=NEW),
    "provider_reports_compared": "UPDATE provider_reports SET compared_until = read_until + interval '1 second'",
    "provider_reports_page_of_reading": "UPDATE provider_reports SET next_page = '2', reading_until = NULL",
    "provider_reports_pkey": copy("provider_reports"),
    "exports_days": "UPDATE exports SET since = current_date, until = current_date - 1",
    "exports_due_until_finished": "UPDATE exports SET due_at = NULL",
    "exports_event_id_fkey": f"UPDATE exports SET event_id = {NEW}",
    "exports_failed_with_reason": "UPDATE exports SET failure = 'gave_up'",
    "exports_failure_check": (
        "UPDATE exports SET status = 'failed', failure = 'lost', due_at = NULL, finished_at = now()"
    ),
    "exports_finished": "UPDATE exports SET status = 'ready'",
    "exports_format_check": "UPDATE exports SET format = 'pdf'",
    "exports_kind_check": "UPDATE exports SET kind = 'lost'",
    "exports_of_event": "UPDATE exports SET event_id = NULL",
    "exports_organisation_id_fkey": f"UPDATE exports SET organisation_id = {NEW}",
    "exports_pkey": copy("exports"),
    "exports_status_check": "UPDATE exports SET status = 'lost'",
    "event_views_event_id_fkey": copy("event_views", event_id=NEW),
    "event_views_pkey": copy("event_views"),
    "event_views_row_no": copy("event_views", row_no="8"),
    "event_views_source_number": copy("event_views", source_number="22"),
    "event_views_views": "UPDATE event_views SET views = 0",
    "view_sources_event_id_fkey": copy("view_sources", event_id=NEW),
    "view_sources_name": copy("view_sources", number="2"),
    "view_sources_number": copy("view_sources", number="21", name="'b.example'"),
    "view_sources_pkey": copy("view_sources", name="'b.example'"),
    "platform_settings_version_is_only_check": "UPDATE platform_settings_version SET is_only = false",
    "platform_settings_version_pkey": copy("platform_settings_version"),
    "idempotency_keys_pkey": copy("idempotency_keys"),
    "invariant_runs_one_at_a_time": copy("invariant_runs", id=NEW),
    "invariant_runs_part_check": "UPDATE invariant_runs SET part = 'tickets'",
    "invariant_runs_pkey": copy("invariant_runs", finished_at="now()"),
    "key_withdrawals_finished": "UPDATE key_withdrawals SET finished_at = now()",
    "key_withdrawals_one_open": copy("key_withdrawals", id=NEW),
    "key_withdrawals_pkey": copy("key_withdrawals", ring="'link'"),
    "key_withdrawals_ring_check": "UPDATE key_withdrawals SET ring = 'data'",
    "renewals_pkey": copy("renewals"),
    "renewals_withdrawal_id_fkey": f"UPDATE renewals SET withdrawal_id = {NEW}",
    "outbox_kind_check": "UPDATE outbox SET kind = 'letter'",
    "announcements_audience_check": "UPDATE announcements SET audience = 'all'",
    "announcements_event_id_fkey": f"UPDATE announcements SET event_id = {NEW}",
    "announcements_organisation_id_fkey": f"UPDATE announcements SET organisation_id = {NEW}",
    "announcements_pkey": copy("announcements"),
    "announcements_sent_by_fkey": f"UPDATE announcements SET sent_by = {NEW}",
    "announcements_ticket_status_check": "UPDATE announcements SET ticket_status = 'sold'",
    "reminders_event_id_fkey": f"UPDATE reminders SET event_id = {NEW}",
    "reminders_pkey": copy("reminders"),
    "newsletter_issues_organisation_id_fkey": f"UPDATE newsletter_issues SET organisation_id = {NEW}",
    "newsletter_issues_pkey": copy("newsletter_issues"),
    "newsletter_issues_sent_by_fkey": f"UPDATE newsletter_issues SET sent_by = {NEW}",
    "newsletter_one_subscription": copy("newsletter_subscriptions", "email IS NOT NULL", id=NEW),
    "newsletter_one_suppression": copy("newsletter_subscriptions", "email IS NULL", id=NEW),
    "newsletter_subscriptions_email_check": (
        "UPDATE newsletter_subscriptions SET email = 'Ada@example.com' WHERE email IS NOT NULL"
    ),
    "newsletter_subscriptions_organisation_id_fkey": f"UPDATE newsletter_subscriptions SET organisation_id = {NEW}",
    "newsletter_subscriptions_pkey": copy("newsletter_subscriptions"),
    "newsletter_subscriptions_suppressed": (
        "UPDATE newsletter_subscriptions SET unsubscribed_at = now() WHERE email IS NOT NULL",
        "UPDATE newsletter_subscriptions SET unsubscribed_at = NULL WHERE email IS NULL",
        "UPDATE newsletter_subscriptions SET address_mac = '1' WHERE email IS NOT NULL",
    ),
    "outbox_feedback_check": "UPDATE outbox SET feedback = 'opened'",
    "outbox_pkey": copy("outbox"),
    "outbox_status_check": "UPDATE outbox SET status = 'lost'",
    "outbox_suppressed": "UPDATE outbox SET feedback = 'suppressed'",
    "suppressed_addresses_address_check": "UPDATE suppressed_addresses SET address = upper(address)",
    "suppressed_addresses_address_key": copy("suppressed_addresses", id=NEW),
    "suppressed_addresses_pkey": copy("suppressed_addresses", address="'another@example.com'"),
    "suppressed_addresses_reason_check": "UPDATE suppressed_addresses SET reason = 'moved'",
    "audit_chains_pkey": copy("audit_chains"),
    "audit_values_pkey": copy("audit_values"),
    "audit_values_salt_check": copy("audit_values", digest="'another'", salt="salt || 'v'"),
    "audit_log_pkey": copy("audit_log"),
}

# Columns by their domain, with a value that the domain refuses.
DOMAINS: dict[str, tuple[str, set[str]]] = {
    "language_tag_check": (
        "'French, please'",
        {
            "accounts.locale",
            "newsletter_subscriptions.locale",
            "organisations.locale",
            "transfers.locale",
            "waitlist_entries.locale",
        },
    ),
    "money_amount_check": (
        "-1",
        {
            "fee_terms.fixed",
            "fee_terms.maximum",
            "fee_terms.minimum",
            "order_items.buyer_fee",
            "order_items.discount",
            "order_items.platform_fee",
            "order_items.tax",
            "order_items.total",
            "order_items.unit_price",
            "order_refunds.amount",
            "order_refunds.kept",
            "orders.total",
        },
    ),
    "order_status_check": ("'lost'", {"orders.status"}),
    "scan_outcome_check": ("'lost'", {"scans.outcome"}),
    "transfer_kind_check": ("'gift'", {"ledger_transfers.kind"}),
    "time_zone_check": ("'Mars/Base'", {"event_moves.time_zone", "events.time_zone", "places.time_zone"}),
    "ticket_count_check": ("-1", {"stock.available", "stock.held", "stock.sold"}),
    "ticket_quantity_check": (
        "0",
        {"guest_holds.quantity", "order_items.quantity", "tickets.group_size", "waitlist_entries.quantity"},
    ),
}

# All other columns are NOT NULL.
NULLABLE: dict[str, str] = {
    "accounts": (
        "block_reason blocked_at email email_verified_at erased_at locale password_hash phone phone_lost_at "
        "phone_verified_at second_factor_since"
    ),
    "announcements": "admitted finished_at tally_at ticket_type_ids withdrawn_at",
    "newsletter_issues": "finished_at organisation_id tally_at withdrawn_at",
    "newsletter_subscriptions": "address_mac email locale mailbox organisation_id unsubscribed_at",
    "audit_log": "actor_id",
    "api_keys": "last_used_at revoked_at",
    "audit_values": "account_id",
    "claims": "note released_at released_by",
    "contact_purges": "finished_at",
    "customers": "account_id email name phone",
    "erasures": "account_id due_at email finished_at phone",
    "door_devices": "last_seen_at revoked_at",
    "door_passes": "gates revoked_at",
    "invariant_runs": "finished_at",
    "key_withdrawals": "finished_at signs_at withdrawn_at",
    "exports": "due_at event_id failure finished_at rows_about since until",
    "event_moves": "doors_open_at outcome seen_at",
    "events": (
        "cancel_reason cancellation_finished_at cancelled_at cancelled_by capacity_pool_id deleted_at doors_open_at "
        "form image_id image_url late_payments_share late_payments_until rating series_id"
    ),
    "fee_terms": "maximum replaced_at",
    "galleries": "event_id",
    "one_time_tokens": "account_id order_id",
    "phone_codes": "used_at",
    "order_history": "actor_id",
    "order_items": "buyer_fee platform_fee seat_ids tax terms_id",
    "order_refunds": "actor_id reason refund_id",
    "orders": "account_id buyer_phone details voucher_id",
    "organisations": "contact_email contact_phone locale logo_id logo_url postal_address status_reason website",
    "outbox": "aws_message_id feedback last_error sent_at",
    "incoming_payments": "ends_order_at",
    "ledger_transfers": "event_id order_id provider ticket_type_id",
    "money_matters": "amount currency note order_id payment_id reference refund_id resolution settled_at settled_by",
    "payout_methods": "account bank key_id removed_at",
    "payouts": "bank_reference decided_at decided_by file_id reason value_date",
    "payments": "ask_at closed_at prepared provider_reference unpaid_at",
    "places": "event_id",
    "provider_entries": (
        "charged_amount charged_currency difference due_at incoming_payment_id money_reference payment_id subject"
    ),
    "provider_events": "payment_id",
    "provider_reports": "next_page reading_until",
    "refresh_tokens": "used_at",
    "refunds": "closed_at due_at error_code last_error provider_reference",
    "reminders": "finished_at",
    "reversals": "incoming_payment_id",
    "suppressed_addresses": "lifted_at",
    "scans": "device_id device_time gate qr_hash sequence skew_ms undone_at undone_by",
    "seats": "owner_id",
    "sessions": "device_name revoked_at",
    "ticket_types": "deleted_at max_per_buyer sales_end sales_start",
    "tickets": (
        "account_id answers first_scan_at first_scan_gate former_hashes holder_contact holder_email refunded_at "
        "replaced_qrs seat"
    ),
    "transfers": "accepted_at from_account_id locale started_by to_account_id to_name transfer_count",
    "uploads": "due_at picture refusal",
    "vouchers": (
        "deleted_at discount_kind discount_value max_per_buyer max_redemptions max_tickets_per_redemption "
        "ticket_type_ids valid_from valid_until"
    ),
    "waitlist_entries": "account_id draws expires_at locale",
    "webhook_deliveries": "answer attempted_at duration_ms error response_status",
    "webhook_endpoints": "disabled_at disabled_reason failing_since types",
    "webhook_secrets": "ends_at",
}

# What each trigger refuses. One that refuses nothing has a test of its own.
TRIGGERS: dict[str, tuple[str, ...]] = {
    "audit_log_only_grows": (
        "UPDATE audit_log SET action = 'nothing'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ),
    "accounts_keep_an_admin": (
        "UPDATE accounts SET is_admin = false",
        "UPDATE accounts SET blocked_at = now()",
        "UPDATE accounts SET erased_at = now()",
    ),
    "ledger_transfers_only_grow": (
        "UPDATE ledger_transfers SET amount = 1",
        "DELETE FROM ledger_transfers",
        "TRUNCATE ledger_transfers",
    ),
    "fee_terms_never_change": (
        "UPDATE fee_terms SET basis_points = 1",
        "UPDATE fee_terms SET replaced_at = now() + interval '1 day', return_on_refund = NOT return_on_refund",
    ),
    "fee_terms_stay": ("DELETE FROM fee_terms", "TRUNCATE fee_terms"),
    "tickets_note_change": (),
    **dict.fromkeys(("tickets_list_guests", "tickets_list_guest_again", "orders_list_guests_again"), ()),
}

# Rows that no factory makes.
ROWS = """
INSERT INTO rate_limits VALUES ('bucket', 1, now());
INSERT INTO one_time_tokens (id, purpose, payload, expires_at) VALUES (gen_random_uuid(), 'confirm email', '{}', now());
INSERT INTO platform_settings VALUES ('verify_emails', 'true');
INSERT INTO fee_terms (id, organisation_id, currency, basis_points, fixed, minimum, maximum, return_on_refund)
    SELECT gen_random_uuid(), organisation_id, 'NGN', 250, 0, 0, 1, true FROM events LIMIT 1;
INSERT INTO erasures (id, account_id, email, is_proven)
    SELECT gen_random_uuid(), id, 'ada@example.com', true FROM accounts LIMIT 1;
INSERT INTO erased_buyers SELECT '', id, now() FROM orders LIMIT 1;
INSERT INTO guest_holds SELECT id, gen_random_uuid(), request_id, '192.0.2.1', buyer_email, 1, false, now() FROM orders
    LIMIT 1;
INSERT INTO event_moves (id, event_id, version, venue_name, venue_address, city, time_zone, starts_at, ends_at, due_at)
    SELECT gen_random_uuid(), id, 2, venue_name, venue_address, city, time_zone, starts_at, ends_at, now() FROM events
    LIMIT 1;
INSERT INTO newsletter_subscriptions (id, address_mac, consent_version, unsubscribed_at)
    VALUES (gen_random_uuid(), 'mac', '1', now());
INSERT INTO contact_purges (event_id) SELECT id FROM events LIMIT 1;
INSERT INTO reminders (event_id, starts_at) SELECT id, starts_at FROM events LIMIT 1;
INSERT INTO google_identities (issuer, subject, account_id) SELECT 'google', 'ada', id FROM accounts LIMIT 1;
INSERT INTO audit_values SELECT chain, entry, 'digest', 'sixteen of bytes', 'value', NULL FROM audit_log LIMIT 1;
INSERT INTO paces VALUES ('stripe', gen_random_uuid(), 'create', now());
INSERT INTO provider_events (provider, event_id, payment_id, kind, payload, effect)
    SELECT 'sandbox', 'evt_1', id, 'payment', '{}', 'paid' FROM payments LIMIT 1;
INSERT INTO reversals (id, provider, merchant_id, kind, reference, payment_id, money_reference, incoming_payment_id,
        amount, currency, status, reason)
    SELECT gen_random_uuid(), provider, merchant_id, 'refund', 're_1', payment_id, reference, id, 100, currency, 'made',
        ''
    FROM incoming_payments LIMIT 1;
INSERT INTO transfers (id, ticket_id, status, from_name, from_email, to_name, to_email, transfer_count, expires_at,
        accepted_at)
    SELECT gen_random_uuid(), ticket_id, 'accepted', 'Ada', 'ada@example.com', 'Bola', 'bola@example.com', 1, now(),
        now() FROM transfers LIMIT 1;
INSERT INTO invariant_runs (id, after_history) VALUES (gen_random_uuid(), 0);
INSERT INTO key_withdrawals (id, ring, up_to) VALUES (gen_random_uuid(), 'ticket', 2);
INSERT INTO renewals SELECT id, gen_random_uuid(), now() FROM key_withdrawals;
INSERT INTO exports (id, organisation_id, event_id, kind, format, asked_by)
    SELECT gen_random_uuid(), organisation_id, id, 'attendees', 'csv', organisation_id FROM events LIMIT 1;
INSERT INTO view_sources SELECT id, current_date, 1, 'a.example' FROM events LIMIT 1;
INSERT INTO event_views SELECT event_id, day, number, 0, 1 FROM view_sources;
INSERT INTO daily_sales SELECT event_id, current_date, id, 1, 1, 100, 0, 0, 0, 0, 100, 0, 0 FROM ticket_types LIMIT 1;
INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no, line_no)
    SELECT gen_random_uuid(), organisation_id, 'payout', 'platform', 'EUR', 100, gen_random_uuid(), 1, 1 FROM events
    LIMIT 1;
INSERT INTO ledger_corrections (id, organisation_id, currency, amount, reason, made_by)
    SELECT gen_random_uuid(), organisation_id, 'EUR', 100, 'A gift', organisation_id FROM events LIMIT 1;
INSERT INTO ledger_balances SELECT organisation_id, 'EUR', 'platform', 'pending', id, '', 100 FROM events LIMIT 1;
INSERT INTO ledger_days SELECT organisation_id, current_date, 'EUR', 'platform', 'payout', id, id, '', 100, 1
    FROM events LIMIT 1;
INSERT INTO statements (organisation_id, month, document) SELECT id, '2026-06-01', 'a PDF' FROM organisations LIMIT 1;
INSERT INTO provider_reports (provider, read_until, compared_until) VALUES ('stripe', now(), now());
INSERT INTO provider_entries (id, provider, reference, kind, type, amount, fee, currency, charged_amount,
        charged_currency, made_at)
    VALUES (gen_random_uuid(), 'stripe', 'txn_1', 'charge', 'charge', 109, 3, 'USD', 100, 'EUR', now());
UPDATE scans SET device_id = 'phone 1', sequence = 1;
UPDATE payments SET ask_at = now() WHERE status = 'pending';
"""


@pytest.fixture
def owner(api: Client, conn: psycopg.Connection, database: Database) -> Iterator[psycopg.Connection]:
    """Connect as the owner, to a database with rows in every table."""
    world = build(conn)
    factories.seats(conn, factories.ticket_type(conn, quantity=0), 2, 2)
    factories.event(conn, capacity_pool_id=stock.create_pool(conn, 10))
    factories.refund(conn, world.ticket.id)
    conn.execute(ROWS)
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        yield owner


def names(conn: psycopg.Connection, query: LiteralString) -> set[str]:
    """Return the names that a query of the catalogue finds. Only migrations write the table `migrations`."""
    return {name for (name,) in conn.execute(query).fetchall() if not name.startswith("migrations")}


def refusal(conn: psycopg.Connection, statement: str | Copy) -> psycopg.errors.Diagnostic | None:
    """Run a statement and roll it back. Return what the database says against it, or None if it says nothing."""
    text = statement.sql(conn) if isinstance(statement, Copy) else statement
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(text.encode())
    except (psycopg.IntegrityError, psycopg.errors.RaiseException) as error:
        return error.diag
    return None


def test_each_constraint_and_unique_index_refuses_its_breach(
    owner: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    constraints = names(
        owner,
        """SELECT conname FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND contypid = 0""",
    )
    indexes = names(
        owner,
        """SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indisunique AND relnamespace = 'public'::regnamespace""",
    )
    assert set(BREACHES) == constraints | indexes
    for name, breaches in BREACHES.items():
        for number, breach in enumerate(breaches if isinstance(breaches, tuple) else [breaches]):
            with subtests.test(constraint=name, breach=number):
                refused = refusal(owner, breach)
                assert refused is not None, "the breach is accepted"
                assert refused.constraint_name == name, refused.message_primary


def test_each_column_of_a_domain_refuses_what_the_domain_does(
    owner: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    checks = names(
        owner, """SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contypid <> 0"""
    )
    assert set(DOMAINS) == checks
    columns = names(
        owner,
        """SELECT table_name || '.' || column_name FROM information_schema.columns JOIN information_schema.tables
            USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND domain_schema = 'public'""",
    )
    assert columns == {column for _, columns in DOMAINS.values() for column in columns}
    for check, (value, of_domain) in DOMAINS.items():
        for column in sorted(of_domain):
            with subtests.test(domain=check, column=column):
                table, name = column.split(".")
                refused = refusal(owner, copy(table, **{name: value}))
                assert refused is not None, "the value is accepted"
                assert refused.constraint_name == check, refused.message_primary


def test_no_other_column_may_be_null(owner: psycopg.Connection) -> None:
    nullable = names(
        owner,
        """SELECT table_name || '.' || column_name FROM information_schema.columns JOIN information_schema.tables
            USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND is_nullable = 'YES'""",
    )
    assert nullable == {f"{table}.{column}" for table, columns in NULLABLE.items() for column in columns.split()}


def test_each_trigger_refuses_its_breach(owner: psycopg.Connection, subtests: pytest.Subtests) -> None:
    assert set(TRIGGERS) == names(owner, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    for trigger, breaches in TRIGGERS.items():
        for breach in breaches:
            with subtests.test(trigger=trigger, breach=breach):
                refused = refusal(owner, breach)
                assert refused is not None, "the breach is accepted"
                assert refused.message_primary in (
                    "the audit log only grows",
                    "the ledger only grows",
                    "the last admin stays",
                    "terms never change: others replace them",
                )


def test_a_ticket_notes_its_last_change_and_its_refund(owner: psycopg.Connection) -> None:
    changes = """UPDATE tickets SET status = %s, changed_in = '1', refunded_at = %s
        WHERE id = (SELECT id FROM tickets WHERE status = 'valid' ORDER BY id LIMIT 1)
        RETURNING changed_in = pg_current_xact_id(), refunded_at BETWEEN now() AND clock_timestamp()"""
    with owner.transaction(force_rollback=True):
        assert owner.execute(changes, ["valid", "2000-01-01"]).fetchone() == (True, None)
        assert owner.execute(changes, ["refunded", "2000-01-01"]).fetchone() == (True, True)


def test_the_functions_can_neither_edit_nor_shorten_the_audit_log_or_the_ledger(conn: psycopg.Connection) -> None:
    of_log = (
        *("UPDATE audit_log SET action = ''", "DELETE FROM audit_log", "TRUNCATE audit_log"),
        *("UPDATE ledger_transfers SET amount = 1", "DELETE FROM ledger_transfers", "TRUNCATE ledger_transfers"),
    )
    for statement in (*of_log, "DELETE FROM audit_chains", "UPDATE audit_values SET value = ''"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)
