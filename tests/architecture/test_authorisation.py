"""Every operation admits the callers that the table `WHO` names, and nobody else.

Each call is valid in every other respect, so that only the authorisation can refuse it.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import psycopg
import pytest

from boxoffice import bearer_secrets, credentials
from boxoffice.api import ROUTES
from boxoffice.config import settings
from boxoffice.guest_tokens import order_token
from boxoffice.scopes import Scope
from boxoffice.signing import current_key
from tests.helpers import factories
from tests.helpers.google import Google
from tests.helpers.operations import (
    ENTITLED,
    NOBODY,
    Call,
    Caller,
    World,
    build,
    call_of,
    operations,
    perform,
)
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client, all_functions

# Who may call each operation, by hand: the routes, and the document made of them, have to agree with this.
# A guest has the token of the order, the ticket or the waitlist entry. Its buyer's account and managers come in too.
WHO: dict[str, str] = {
    # accounts
    "log_in": "public",
    "log_in_with_second_factor": "public",
    "log_in_with_google": "public",
    "start_google_login": "public",
    "finish_google_login": "public",
    "list_sessions": "account",
    "end_session": "account",
    "start_second_factor": "account",
    "confirm_second_factor": "account",
    "remove_second_factor": "account",
    "send_phone_code": "public",
    "log_in_with_phone": "public",
    "confirm_phone": "account",
    "refresh_session": "public",
    "log_out": "account",
    "log_out_everywhere": "account",
    "change_password": "account",
    "change_email": "account",
    "undo_email_change": "public",
    "confirm_order": "public",
    "send_email_verification": "account",
    "request_password_reset": "public",
    "reset_password": "public",
    "get_me": "account",
    "update_me": "account",
    # organisations
    "sign_up": "public",
    "confirm_email": "public",
    "create_organisation": "account",
    "get_organisation": "public",
    "update_organisation": "owner",
    "apply_again": "owner",
    "list_applications": "admin",
    "decide_application": "admin",
    "list_members": "manager",
    "invite_member": "owner",
    "list_invitations": "manager",
    "revoke_invitation": "owner",
    "accept_invitation": "account",
    "change_member_role": "owner",
    "remove_member": "owner",  # and each member themself
    "hand_over_organisation": "owner",  # and admins
    # API keys
    "create_api_key": "owner",
    "list_api_keys": "owner",
    "revoke_api_key": "owner",
    "create_webhook_endpoint": "owner",
    "delete_webhook_endpoint": "owner",
    "list_webhook_deliveries": "owner",
    "list_webhook_endpoints": "owner",
    "replay_failed_webhooks": "owner",
    "replay_webhook_delivery": "owner",
    "rotate_webhook_secret": "owner",
    "update_webhook_endpoint": "owner",
    # events
    "list_events": "public",
    "list_my_events": "account",
    "get_event_facets": "public",
    "find_event": "public",
    "get_event": "public",
    "get_availability": "public",
    "create_event": "manager",
    "update_event": "manager",
    "delete_event": "manager",
    "duplicate_event": "manager",
    "publish_event": "manager",
    "cancel_event": "manager",
    # ticket types
    "create_ticket_type": "manager",
    "update_ticket_type": "manager",
    "delete_ticket_type": "manager",
    "list_seats": "public",
    "define_seats": "manager",
    # media
    "create_upload": "manager",
    "get_upload": "manager",
    "list_galleries": "public",
    "get_gallery": "public",
    "create_gallery": "manager",
    "update_gallery": "manager",
    "delete_gallery": "manager",
    "add_gallery_image": "manager",
    "remove_gallery_image": "manager",
    # vouchers
    "list_vouchers": "manager",
    "create_voucher": "manager",
    "update_voucher": "manager",
    "delete_voucher": "manager",
    # waitlist
    "join_waitlist": "public",
    "confirm_waitlist": "public",
    "get_waitlist_entry": "guest",
    "list_waitlist": "manager",
    "leave_waitlist": "guest",
    # orders
    "create_order": "public",
    "get_order": "guest",
    "list_orders": "manager",
    "list_my_orders": "account",
    "cancel_order": "guest",
    "update_order": "guest",
    "confirm_order_email": "public",
    "resend_order_email": "guest",
    "send_order_links": "public",
    "mark_order_paid": "manager",
    "list_money_matters": "manager",
    "get_platform_fees": "manager",
    "set_platform_fees": "admin",
    "get_balance": "owner",
    "list_ledger_entries": "owner",
    "create_correction": "admin",
    "settle_money_matter": "owner",
    "refund_order": "manager",
    # payouts
    "list_payout_methods": "owner",
    "add_payout_method": "owner",
    "remove_payout_method": "owner",
    "list_payouts": "owner",
    "request_payout": "owner",
    "list_payout_requests": "admin",
    "decide_payout": "admin",
    "create_payout_file": "admin",
    "get_payout_file": "admin",
    # payments
    "start_payment": "guest",
    "get_payment": "guest",
    "receive_stripe_webhook": "provider",
    "receive_flutterwave_webhook": "provider",
    "receive_sandbox_webhook": "provider",
    "receive_generic_webhook": "provider",
    # tickets
    "get_ticket": "guest",
    "get_ticket_qr": "guest",
    "download_tickets_pdf": "guest",
    "list_my_tickets": "account",
    "start_transfer": "guest",
    "accept_transfer": "public",
    # check-in
    "scan_ticket": "scanner",
    "scan_ticket_by_id": "scanner",
    "undo_scan": "manager",
    "get_scan_manifest": "scanner",
    "sync_scans": "scanner",
    "list_scans": "manager",
    "get_attendance": "scanner",
    "search_guests": "scanner",
    # door passes
    "create_door_pass": "manager",
    "create_pairing_code": "manager",
    "list_door_passes": "manager",
    "pair_door_device": "public",
    "revoke_door_device": "manager",
    "revoke_door_pass": "manager",
    # places with capacity
    "list_services": "scanner",
    "create_service": "manager",
    "get_service": "scanner",
    "update_service": "manager",
    "get_service_stats": "scanner",
    "list_slots": "scanner",
    "claim_slot": "scanner",
    "scan_claim": "scanner",
    "release_claim": "scanner",
    # analytics
    "record_view": "public",
    "get_event_analytics": "manager",
    "get_stats": "admin",
    "list_attendees": "manager",
    "create_export": "manager",  # for revenue and subscriptions, the owner
    "get_export": "manager",
    # privacy
    "delete_me": "account",
    "export_me": "account",
    "request_personal_data": "public",
    "export_personal_data": "public",
    "erase_personal_data": "public",
    "list_my_claims": "account",
    # finance
    "get_revenue_report": "owner",
    "get_statement": "owner",
    # messages
    "send_message": "manager",
    "preview_message": "manager",
    "list_messages": "manager",
    "withdraw_message": "manager",
    "subscribe": "public",
    "confirm_subscription": "public",
    "unsubscribe": "public",
    "get_unsubscribe_page": "public",
    "list_subscriptions": "owner",
    "list_newsletters": "owner",
    "preview_newsletter": "owner",
    "send_newsletter": "owner",
    "withdraw_newsletter": "owner",
    "list_outbox": "admin",
    "retry_outbox_message": "admin",
    "list_suppressed_addresses": "admin",
    "lift_suppression": "admin",
    # the platform
    "get_settings": "admin",
    "update_settings": "admin",
    "list_accounts": "admin",
    "update_account": "admin",
    "check_invariants": "admin",
    "list_audit_entries": "owner",
    "export_audit_log": "owner",
    "get_health": "public",
    "get_openapi": "public",
    "get_docs": "public",
}

# Which scope a key needs for each operation, by hand. A key acts as the organisation's manager.
SCOPES: dict[str, str] = {
    "get_organisation": "events:read",
    "list_events": "events:read",
    "get_event_facets": "events:read",
    "find_event": "events:read",
    "get_event": "events:read",
    "get_availability": "events:read",
    "create_event": "events:write",
    "update_event": "events:write",
    "delete_event": "events:write",
    "duplicate_event": "events:write",
    "publish_event": "events:write",
    "cancel_event": "money:write",  # it refunds all orders
    "create_ticket_type": "events:write",
    "update_ticket_type": "events:write",
    "delete_ticket_type": "events:write",
    "list_seats": "events:read",
    "define_seats": "events:write",
    "create_upload": "events:write",
    "get_upload": "events:read",
    "list_galleries": "events:read",
    "get_gallery": "events:read",
    "create_gallery": "events:write",
    "update_gallery": "events:write",
    "delete_gallery": "events:write",
    "add_gallery_image": "events:write",
    "remove_gallery_image": "events:write",
    "list_vouchers": "events:read",
    "create_voucher": "events:write",
    "update_voucher": "events:write",
    "delete_voucher": "events:write",
    "join_waitlist": "orders:write",
    "confirm_waitlist": "orders:write",
    "get_waitlist_entry": "orders:read",
    "list_waitlist": "orders:read",
    "leave_waitlist": "orders:write",
    "subscribe": "orders:write",
    "confirm_subscription": "orders:write",
    "unsubscribe": "orders:write",
    "record_view": "events:read",
    "get_event_analytics": "orders:read",
    "list_attendees": "orders:read",
    "create_export": "orders:read",  # for revenue, money:read too
    "get_export": "orders:read",
    "get_revenue_report": "money:read",
    "get_statement": "money:read",
    "create_order": "orders:write",
    "get_order": "orders:read",
    "list_orders": "orders:read",
    "cancel_order": "orders:write",
    "update_order": "orders:write",
    "resend_order_email": "orders:write",
    "mark_order_paid": "money:write",
    "list_money_matters": "money:read",
    "get_platform_fees": "money:read",
    "settle_money_matter": "money:write",
    "get_balance": "money:read",
    "list_ledger_entries": "money:read",
    "refund_order": "money:write",
    "list_payouts": "money:read",
    "start_payment": "orders:write",
    "get_payment": "orders:read",
    "get_ticket": "orders:read",
    "get_ticket_qr": "orders:read",
    "download_tickets_pdf": "orders:read",
    "start_transfer": "orders:write",
    "accept_transfer": "orders:write",
    "scan_ticket": "scan",
    "scan_ticket_by_id": "scan",
    "undo_scan": "scan",
    "get_scan_manifest": "scan",
    "sync_scans": "scan",
    "list_scans": "scan",
    "get_attendance": "scan",
    "search_guests": "scan",
    "list_services": "slots",
    "create_service": "slots",
    "get_service": "slots",
    "update_service": "slots",
    "get_service_stats": "slots",
    "list_slots": "slots",
    "claim_slot": "slots",
    "scan_claim": "slots",
    "release_claim": "slots",
}
# What members may do and no key, with the reason.
NOT_FOR_KEYS: dict[str, str] = {
    "update_organisation": "the organisation itself",
    "apply_again": "the organisation itself",
    "list_audit_entries": "what people did, and from where",
    "export_audit_log": "what people did, and from where",
    "list_members": "people",
    "invite_member": "people",
    "list_invitations": "people",
    "revoke_invitation": "people",
    "change_member_role": "people",
    "remove_member": "people",
    "hand_over_organisation": "people",
    "create_api_key": "a key that makes keys outlives its own end",
    "list_api_keys": "keys",
    "revoke_api_key": "keys",
    **dict.fromkeys(
        ("send_message", "preview_message", "list_messages", "withdraw_message"),
        "a key that leaks would write to all buyers",
    ),
    **dict.fromkeys(
        ("list_newsletters", "preview_newsletter", "send_newsletter", "withdraw_newsletter"),
        "a key that leaks would write to all who have subscribed",
    ),
    "list_subscriptions": "addresses of people who expect emails",
    **dict.fromkeys(
        ("list_payout_methods", "add_payout_method", "remove_payout_method"),
        "a key that leaks would turn the money away",
    ),
    "request_payout": "a key that leaks would take the money",
    "create_webhook_endpoint": "a key that leaks would send what changes elsewhere",
    "delete_webhook_endpoint": "webhooks",
    "list_webhook_deliveries": "webhooks",
    "list_webhook_endpoints": "webhooks",
    "replay_failed_webhooks": "webhooks",
    "replay_webhook_delivery": "webhooks",
    "rotate_webhook_secret": "webhooks",
    "update_webhook_endpoint": "webhooks",
    "create_door_pass": "a door pass outlives the key",
    "create_pairing_code": "door passes",
    "list_door_passes": "door passes",
    "revoke_door_device": "door passes",
    "revoke_door_pass": "door passes",
}
FOR_DEVICES = {
    *("scan_ticket", "scan_ticket_by_id", "search_guests", "get_scan_manifest", "sync_scans", "get_attendance"),
    "get_event",
}
NAMES_NOTHING = {"list_events", "list_galleries", "get_event_facets"}  # of an organisation

ROLES = ["scanner", "manager", "owner"]  # each may do what those before it may

# What a published event shows to everybody, an event that is a draft shows to members alone.
OF_DRAFTS = {
    "get_event": "draft",
    "get_gallery": "unpublished_gallery",
    "get_availability": "draft",
    "list_seats": "unsold_ticket_type",
}


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def refused(who: str, call: Call, world: World) -> dict[str, tuple[Caller, int]]:
    """Return the callers that an operation for ``who`` must refuse, each with the status."""
    outsiders = {
        name: (Caller(getattr(world, name)), 404) for name in ("stranger", "rival", "rival_manager", "rival_scanner")
    }
    members = {role: (Caller(getattr(world, role)), 403) for role in ROLES}
    nobody = {"nobody": (NOBODY, 401)}
    guest = {"guest": (Caller(token=call.token or order_token(world.order)), 401)}
    match who:
        case "public":
            return {}
        case "provider":
            return {"unsigned": (NOBODY, 401), "admin": (Caller(world.admin), 401)}
        case "account":
            return nobody | guest
        case "guest":
            another = {"another guest": (Caller(token=order_token(world.foreign_order)), 404)}
            return nobody | another | outsiders | {"scanner": members["scanner"]}
        case "admin":
            return nobody | guest | members | {name: (caller, 403) for name, (caller, _) in outsiders.items()}
    lower = {role: members[role] for role in ROLES[: ROLES.index(who)]}
    return nobody | guest | outsiders | lower


def test_every_operation_has_a_row_and_declares_what_the_row_says() -> None:
    assert {name: str(operation.who) for name, operation in operations().items()} == WHO
    all_functions()
    assert {route.function.__name__: str(route.who) for route in ROUTES} == WHO


def test_callers_who_are_not_entitled_are_refused_and_change_nothing(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for who, (caller, status) in refused(WHO[name], call, world).items():
                with subtests.test(operation=name, caller=who):
                    answer = perform(api, operation, call, caller)
                    assert answer.status == status, answer.body


def test_callers_who_are_entitled_get_through(
    world: World, api: Client, google: Google, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    for name, operation in operations().items():
        for who, caller_of in {**ENTITLED[WHO[name]], **machines(conn, name)}.items():
            # a new one for each change, since many can be made only once
            its_world = world if operation.method == "GET" else build(conn)
            conn.execute("DELETE FROM rate_limits")
            call = call_of(name, its_world)
            conn.execute("DELETE FROM rate_limits")  # all of them call from one address
            with subtests.test(operation=name, caller=who):
                answer = perform(api, operation, call, caller_of(its_world, call))
                assert answer.status < 400, answer.body


def machines(conn: psycopg.Connection, name: str) -> dict[str, Callable[[World, Call], Caller]]:
    """Return the keys and devices that may call an operation. The key has the one scope that is needed."""
    callers: dict[str, Callable[[World, Call], Caller]] = {}
    if name in SCOPES:
        callers["key"] = lambda world, _: Caller(key=factories.api_key(conn, world.organisation, SCOPES[name])[1])
    if name in FOR_DEVICES:
        callers["device"] = lambda world, _: Caller(device=world.device_token)
    return callers


def test_every_operation_names_the_scope_that_the_table_says() -> None:
    assert {name: each.scope for name, each in operations().items() if each.scope} == SCOPES
    assert {name for name, each in operations().items() if each.for_devices} == FOR_DEVICES
    of_members = {name for name, who in WHO.items() if who in ROLES}
    assert of_members - SCOPES.keys() == NOT_FOR_KEYS.keys()
    assert set(SCOPES.values()) == set(Scope) - {"buyers:address"}  # which a header needs


def test_keys_and_devices_that_are_not_entitled_are_refused_and_change_nothing(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    wrong = wrong_machines(conn, world)
    for caller in wrong.values():  # note their use before
        credentials.find_key(caller.key or "")
        credentials.find_device(caller.device or "")
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for who, (status, code) in refusals(name).items():
                with subtests.test(operation=name, caller=who):
                    answer = perform(api, operation, call, wrong[who, SCOPES.get(name)])
                    assert (answer.status, answer.code) == (status, code), answer.body


def wrong_machines(conn: psycopg.Connection, world: World) -> dict[tuple[str, str | None], Caller]:
    """Return keys and devices by what is wrong with them, and by the scope that the operation needs."""
    hour = timedelta(hours=1)
    over, revoked = {"expires_at": factories.NOW - hour}, {"revoked_at": factories.NOW - hour}
    ended, unready = {"until": factories.NOW - hour}, factories.door_pass(conn, world.organisation, world.draft)

    def key(*scopes: str, **fields: Any) -> Caller:
        return Caller(key=factories.api_key(conn, world.organisation, *scopes, **fields)[1])

    def device(pass_id: UUID, **fields: Any) -> Caller:
        return Caller(device=factories.door_device(conn, pass_id, **fields)[1])

    def door_pass(**fields: Any) -> UUID:
        return factories.door_pass(conn, world.organisation, world.event, **fields)

    theirs = Caller(key=world.rival_key)
    rivals = factories.door_pass(conn, organisation_of(conn, world.foreign_order), world.event)
    callers = {
        "all scopes": Caller(key=world.key),
        "their key": theirs,
        "expired": key(**over),
        "revoked": key(**revoked),
        "with a typo": Caller(key=world.key[:-1] + ("a" if world.key[-1] != "a" else "b")),
        "never made": Caller(key=bearer_secrets.new_secret(bearer_secrets.API_KEY)),
        "a device's token": Caller(key=world.device_token),
        "device": Caller(device=world.device_token),
        "their device": device(rivals),
        "device of another event": device(unready),
        "device of a pass that has ended": device(door_pass(**ended)),
        "device of a revoked pass": device(door_pass(**revoked)),
        "revoked device": device(world.door_pass, **revoked),
        "device that was never paired": Caller(device=bearer_secrets.new_secret(bearer_secrets.DEVICE_TOKEN)),
        "a key": Caller(device=world.key),
    }
    without = {
        scope: key(*(each for each in Scope if each not in (scope, scope.replace(":read", ":write"))))
        for scope in Scope
    }
    scopes = [None, *Scope]
    return {(who, scope): caller for who, caller in callers.items() for scope in scopes} | {
        ("without the scope", scope): caller for scope, caller in without.items()
    }


def organisation_of(conn: psycopg.Connection, order: UUID) -> UUID:
    """Return the organisation that sold an order."""
    (organisation,) = conn.execute("SELECT organisation_id FROM orders WHERE id = %s", [order]).fetchone() or (None,)
    return UUID(str(organisation))


def refusals(name: str) -> dict[str, tuple[int, str]]:
    """Return what each key and device is answered that an operation must refuse."""
    if WHO[name] == "provider":
        return {}
    no_credential = (401, "unauthenticated")
    keys = dict.fromkeys(["expired", "revoked", "with a typo", "never made", "a device's token"], no_credential)
    devices = dict.fromkeys(
        ["device of a revoked pass", "revoked device", "device that was never paired"], no_credential
    )
    answers = {**keys, **devices, "a key": no_credential}
    if name in SCOPES:
        answers["without the scope"] = 403, "out_of_scope"
        if name not in NAMES_NOTHING:
            answers["their key"] = 404, "ticket_type_not_found" if name == "create_order" else "not_found"
    else:
        answers["all scopes"] = 403, "account_needed"
    if name not in FOR_DEVICES:
        return answers | {"device": (403, "account_needed")}
    answers |= {"their device": (404, "not_found"), "device of another event": (403, "outside_door_pass")}
    return answers | ({} if name == "sync_scans" else {"device of a pass that has ended": no_credential})


def test_a_draft_is_shown_to_members_alone(world: World, api: Client, subtests: pytest.Subtests) -> None:
    outsiders = {"stranger", "rival", "rival_manager", "rival_scanner", "buyer"}
    for name, row in OF_DRAFTS.items():
        call = call_of(name, world)
        of_draft = replace(call, path=dict.fromkeys(call.path, str(getattr(world, row))))
        callers = {who: Caller(getattr(world, who)) for who in {*ROLES, *outsiders}}
        for who, caller in {"nobody": NOBODY, **callers}.items():
            with subtests.test(operation=name, caller=who):
                answer = perform(api, operations()[name], of_draft, caller)
                assert answer.status == (200 if who in ROLES else 404), answer.body


def test_a_stranger_sees_no_ids_of_private_rows(
    world: World, api: Client, google: Google, subtests: pytest.Subtests
) -> None:
    private = [
        world.buyer,
        world.manager,
        world.draft,
        world.unsold_ticket_type,
        world.order,
        world.paid_order,
        world.ticket.id,
    ]
    for name, operation in operations().items():
        if operation.method == "GET" and WHO[name] in {"public", "account"}:
            with subtests.test(operation=name):
                answer = perform(api, operation, call_of(name, world), Caller(world.stranger))
                assert answer.status < 400
                assert [each for each in private if str(each) in answer.body.decode(errors="replace")] == []


def test_a_wrong_access_token_is_refused_everywhere(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            for what, credential in wrong_credentials(world).items():
                with subtests.test(operation=name, credential=what):
                    answer = perform(api, operation, call_of(name, world), NOBODY, authorization=credential)
                    assert answer.status == 401, answer.body
                    assert WHO[name] == "provider" or answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_guest_token_is_refused(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for wrong in wrong_tokens(call.token) if call.token else []:
                with subtests.test(operation=name, token=wrong):
                    answer = perform(api, operation, call, NOBODY, x_order_token=wrong)
                    assert answer.status == 404, answer.body


def wrong_tokens(token: str) -> list[str]:
    """Return wrong tokens that resemble a valid one."""
    signature = token.removeprefix("1.")
    return ["", "1", "1.", token[:-1], token + "A", signature, f"2.{signature}", f"current.{signature}"]


def wrong_credentials(world: World) -> dict[str, str]:
    """Authorization headers that look like the owner's, each with one thing wrong."""
    key_id, key = current_key(settings().token_keys_secret)
    now = int(time.time())
    claims = {"sub": str(world.owner), "sid": str(uuid.uuid4()), "aud": "boxoffice", "iat": now, "exp": now + 900}

    def signed(*, secret: bytes | str = key, algorithm: str = "HS256", kid: str = key_id, **others: Any) -> str:
        return jwt.encode({**claims, **others}, secret, algorithm=algorithm, headers={"kid": kid})

    return {
        "no token": "Bearer",
        "not a token": "Bearer abc.def.ghi",
        "another scheme": f"Basic {signed()}",
        "expired": f"Bearer {signed(exp=now - 1)}",
        "another key": f"Bearer {signed(secret=b'a key that is long enough but is not ours')}",
        "an unknown key": f"Bearer {signed(kid='9')}",
        "the name of a key": f"Bearer {signed(kid='current')}",
        "unsigned": f"Bearer {signed(secret='', algorithm='none')}",
        "another algorithm": f"Bearer {signed(algorithm='HS384')}",
        "another audience": f"Bearer {signed(aud='somewhere')}",
        "no account": f"Bearer {signed(sub='everyone')}",
        "without end": f"Bearer {jwt.encode({**claims, 'exp': None}, key, headers={'kid': key_id})}",
    }
