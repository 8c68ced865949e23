"""A second wall between organisations: every statement on their tables names the organisation, or has a reason.

The first wall is `boxoffice.auth`: a service asks it before it reads on. Each statement here names no organisation, and
stands under its reason. A new one fails until somebody has read it and given one.
"""

import re
from collections.abc import Iterator

from boxoffice import sql
from tests.architecture.test_queries import STATEMENTS
from tests.architecture.test_tenancy import COMPARISON
from tests.helpers.support import ROOT

SCHEMA = (ROOT / "layers/common/boxoffice/schema.sql").read_text()

# Tables that belong to no organisation: people, their ways in, and the platform's own.
OF_THE_PLATFORM = {
    *(
        "accounts",
        "actors",
        "event_facets",
        "google_identities",
        "one_time_tokens",
        "phone_codes",
        "rate_limits",
        "refresh_tokens",
    ),
    *("second_factors", "sessions"),
    *("audit_chains", "audit_log", "audit_values", "contact_purges", "erased_buyers", "erasures", "guest_holds"),
    "idempotency_keys",
    "payout_files",
    *("daily_sales_state", "ledger_state", "provider_entries", "provider_reports"),
    *("key_withdrawals", "outbox", "paces", "platform_settings", "platform_settings_version", "renewals"),
    "suppressed_addresses",
}

# They read whom a row belongs to, so that the service can ask if the caller may go on.
OPENS = """
    analytics: get_event get_viewed_event
    api_keys: lock_organisation
    announcements: get_event lock_announcement
    checkin: get_attendance get_event_at_door lock_scan
    doors: lock_pass
    media: get_gallery get_upload
    events: find_event get_event
    exports: get_event get_export get_organisation
    newsletter: get_list lock_issue lock_subscriptions
    orders: get_order get_order_row get_organisation list_sale_terms lock_order
    organisations: get_invitation
    payments: find_organisation get_gone_refund get_payment get_sale_state
    slots: get_claim get_place
    ticket_types: get_ticket_type lock_event
    tickets: get_locked_ticket get_order_to_print get_signed_ticket get_ticket lock_ticket
    vouchers: get_event get_voucher lock_event
    waitlist: get_entry get_organisation get_terms lock_entry lock_offer
"""

# They look for an id that nobody else may use, in whichever organisation.
TAKEN_IDS = """
    checkin: is_paired
"""

# Their service has opened the row before: it, or the row that it belongs to, has passed the first wall. Or the service
# has made the row itself.
OPENED = """
    announcements: count_ticket_types get_announcement insert_announcement list_announcements set_withdrawn
    analytics: count_view list_sales list_views
    api_keys: insert_key
    checkin: get_scan has_changed list_changed_tickets list_scans recount_scans search_guests
        undo_scan
    doors: count_devices insert_device insert_pass lock_device revoke_device revoke_pass
    events: cancel_event delete_event insert_copies insert_event insert_move insert_slugs list_amounts
        list_sales lock_event publish_event set_series supersede_moves update_event
    media: close_gap delete_gallery delete_image delete_images insert_gallery insert_image insert_upload list_images
        lock_and_release_uploads lock_gallery set_images update_gallery
    ledger: insert_correction
    exports: count_attendees count_readers count_scans insert_export list_attendees list_questions list_readers
        list_scans
    newsletter: count_subscribers delete_subscription get_issue insert_issue insert_subscription
        list_issues list_subscribed list_unsubscribed lock_former_subscription set_withdrawn subscribe_again
        suppress_subscriptions
    orders: get_details get_draws get_processing_payment get_request give_back_draws hand_over_holders
        increment_version insert_note list_asked_items list_buyer_limits list_draws place_cart place_order
        release_guest_hold set_buyer set_details set_draws set_email set_hold_end set_seats set_status take_order
        take_payments_to_close
    organisations: get_name get_organisation insert_organisation lock_account_and_insert_owner lock_organisation
        replace_invitation set_role set_status update_organisation
    payments: ask_later book_elsewhere clear_end_of_order close_matter close_payment close_unprepared
        end_refund_by_hand find_money_of_order fits_late_share get_booked get_payment_to_prepare
        has_open_dispute has_unsent_refund has_waiting_reversal insert_incoming_payment insert_payment
        insert_payment_by_hand insert_refund insert_unannounced_payment keep_order list_payments_of_order
        list_replaceable_reversals list_unbooked_reversals list_waiting_reversals lock_and_close_matters
        lock_events_of_order get_money_to_book lock_incoming_payment lock_money_of_refund
        lock_reducible_refunds open_matter reduce_refund reopen_payment retry_refund return_incoming_payment
        set_booked set_ends_order set_pays_order set_prepared set_processing set_refund set_unpaid settle_matter
        stop_asking take_from_incoming_payment upsert_reversal
    payouts: insert_method insert_payout
    refunds: get_payment get_refunded_amount insert_order_refund list_tickets
    reports: insert_statement
    seats: delete_rows free_seats get_size hand_over has_seats_together insert_copied_rows insert_copied_seats
        list_missing list_rows list_seats_of_order list_seats_of_other_types list_seats_of_owners
        list_seats_of_tickets list_taken lock_best_row lock_best_rows lock_map lock_rows_of_seats remove_seats
        save_rows save_seats set_sold take_best_row take_best_rows take_named take_scattered take_together
        update_longest_free
    slots: add_slots get_new_claim get_stats has_free_slot list_slots lock_claim lock_free_slot lock_free_slots
        lock_place lock_replacement_slot release_claim take_slot update_place withdraw_slots
    stock: hold_moved insert_pools insert_rows list_short_pools lock_and_consolidate lock_and_move lock_available
        lock_rows resize_pool set_available take take_available
    ticket_types: delete_ticket_types insert_copies insert_ticket_type list_ticket_types lock_event_of_ticket_type
        lock_ticket_type lock_ticket_types replace_pool set_seated update_ticket_type
    tickets: accept_transfer get_size_of_answers get_transfer insert_tickets insert_transfer
        list_holders_of_free_ticket list_signed_tickets list_tickets_to_issue list_tickets_to_print
        lock_and_end_tickets lock_and_rename_buyer lock_and_set_disputed lock_tickets_to_move lock_tickets_to_name
        move_tickets replace_pending_transfer set_holders
    vouchers: count_ticket_types delete_voucher insert_voucher list_by_code list_vouchers lock_event_of_voucher
        lock_voucher update_voucher
    waitlist: list_awaited_of_event list_entries put_in_line set_offered set_status
    webhooks: count_secrets delete_secrets end_secrets insert_deliveries insert_endpoint insert_secret lock_organisation
        replay_delivery update_endpoint
"""

# Jobs work for all organisations, and answer nobody.
JOBS = """
    announcements: list_orders list_to_tally list_unfinished set_finished set_tally set_written take_announcement
    analytics: count_sales
    ledger: count_balances count_days
    exports: delete_exports finish_export list_forgotten list_old set_progress take_export
    events: finish_cancellation list_moves_to_tell set_move_outcome set_move_seen
        set_move_told take_move
    orders: insert_reminder list_events_to_remind_of list_holders_to_remind set_reminder take_reminder
        delete_over_guest_holds list_holders_to_tell list_lapsed_orders list_orders_to_tell list_over_guest_holds
        lock_lapsed_orders set_expired
    ledger: list_balances_at
    media: count_try delete_upload is_shown keep_upload list_due_uploads look_again set_ready set_refused set_removing
        take_due_upload
    newsletter: list_subscribers list_to_tally list_unfinished set_finished set_tally set_written take_issue
    organisations: list_expired_invitations purge_invitations
    payments: erase_old_events get_payments_backlog list_accounts_to_send list_old_events list_orders_to_end
        take_payments_to_ask take_refunds
    platform: list_buyers list_holders list_offers list_renewals
    refunds: list_cancelled_events list_orders_to_give_back
    tickets: lock_tickets_of_transfers lock_tickets_to_reissue reissue_tickets
    waitlist: list_awaited list_awaited_of_orders list_lapsed list_open_offers take_and_close_waiting
        take_lapsed take_next_entries
    webhooks: delete_deliveries delete_endpoints end_turn has_due_deliveries list_due_endpoints
        list_empty_endpoints list_old_deliveries list_signing_secrets list_stranded_deliveries
        lock_and_fail_stranded lock_and_record_attempts take_due_deliveries take_turn
"""

# They read what everybody sees, of all organisations.
PUBLIC = """
    events: take_facets
"""

# Only admins of the platform call them, and they see all.
ADMINS = """
    analytics: get_stats list_revenue
    accounts: list_accounts
    organisations: get_application list_applications
    payouts: get_payout list_payout_requests list_payouts_of_file lock_payout lock_payouts_to_send put_in_file
        set_status sum_file
"""

# An email goes to the address that the row itself names.
EMAILS = """
    announcements: get_order_of_recipient get_ticket_of_recipient
    newsletter: is_subscribed
    events: get_moved_event list_moves
    messaging: get_locale get_recipient
    orders: get_event_for_email get_order_change_for_email get_order_for_email get_order_to_tell get_ticket_to_tell
        list_items_for_email list_tickets_to_remind_of
    organisations: get_invitation_for_email
    payments: get_refund_for_email
    payouts: get_method_for_email
    refunds: get_cancellation_for_email get_refund_for_email
    tickets: get_transfer_for_email
    waitlist: get_entry_for_email get_ticket_type_for_email
    webhooks: get_endpoint_for_email
"""

# What one person has, wherever they have it, to be shown to them or erased: their account or address is the condition.
PERSON = """
    accounts: get_my_account
    events: list_my_events
    orders: erase_buyers insert_erased_buyers list_orders_of_account list_orders_of_address take_ended_orders
    organisations: delete_invitations_to delete_memberships list_organisations_of
    payments: erase_provider_events lock_and_erase_prepared
    privacy: count_ahead export_claims export_invitations export_memberships export_orders export_scans
        export_newsletter_subscriptions export_tickets export_transfers export_waitlist_entries has_something_left
        list_customers_to_erase
        list_entries_of_event list_entries_to_erase list_events_to_purge list_open_entries list_orders_of_event
        list_named_tickets_to_erase list_orders_to_erase list_subscriptions_to_erase list_tickets_to_erase
        list_transfers_of_orders
        list_transfers_received_to_erase list_transfers_sent_to_erase
    slots: list_claims_of_account lock_and_erase_customers lock_and_erase_notes
    tickets: erase_recipients erase_senders list_tickets_of_account list_tickets_of_address
        lock_and_erase_buyers_tickets lock_and_erase_holders lock_and_erase_named_holders
    waitlist: erase_entries
"""


def listed(*texts: str) -> Iterator[str]:
    """Return the full names of the statements in a list."""
    for text in texts:
        domain = ""
        for word in text.split():
            if word.endswith(":"):
                domain = word.removesuffix(":")
            else:
                yield f"{domain}/{word}"


def tables_of(statement: str) -> set[str]:
    """Return the organisations' tables and views that a statement names."""
    every = set(re.findall(r"CREATE (?:TABLE|VIEW) (\w+)", SCHEMA))
    return (every - OF_THE_PLATFORM) & set(re.findall(r"\w+", re.sub(r"--.*", "", statement)))


def test_every_statement_names_its_organisation_or_has_a_reason() -> None:
    nameless = {
        f"{domain}/{name}"
        for domain, name in STATEMENTS
        if domain != "admin"  # the invariants, over all data at once
        and tables_of(getattr(sql.queries(domain), name))
        and not COMPARISON.search(getattr(sql.queries(domain), name))
    }
    reasons = [*listed(OPENS, TAKEN_IDS, OPENED, JOBS, PUBLIC, ADMINS, EMAILS, PERSON)]

    assert nameless == set(reasons)
    assert len(reasons) == len(set(reasons)), "one reason is enough"


def test_what_opens_a_row_reads_its_organisation() -> None:
    for name in listed(OPENS):
        assert "organisation_id" in getattr(sql.queries(name.split("/")[0]), name.split("/")[1]), name


def test_the_tables_of_the_platform_exist() -> None:
    assert set(re.findall(r"CREATE (?:TABLE|VIEW) (\w+)", SCHEMA)) >= OF_THE_PLATFORM
