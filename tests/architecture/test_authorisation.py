"""Every operation admits the callers that the table `WHO` names, and nobody else.

Each call is valid in every other respect, so that only the authorisation can refuse it.
"""

import time
import uuid
from dataclasses import replace
from typing import Any

import jwt
import psycopg
import pytest

from boxoffice.api import ROUTES
from boxoffice.auth import order_token
from boxoffice.config import settings
from boxoffice.signing import current_key
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
    "refresh_session": "public",
    "log_out": "account",
    "log_out_everywhere": "account",
    "change_password": "account",
    "change_email": "account",
    "undo_email_change": "public",
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
    # events
    "list_events": "public",
    "list_my_events": "account",
    "get_event": "public",
    "get_availability": "public",
    "create_event": "manager",
    "update_event": "manager",
    "delete_event": "manager",
    "publish_event": "manager",
    "cancel_event": "manager",
    # ticket types
    "create_ticket_type": "manager",
    "update_ticket_type": "manager",
    "delete_ticket_type": "manager",
    "list_seats": "public",
    "define_seats": "manager",
    # vouchers
    "list_vouchers": "manager",
    "create_voucher": "manager",
    "update_voucher": "manager",
    "delete_voucher": "manager",
    # waitlist
    "join_waitlist": "public",
    "list_waitlist": "manager",
    "leave_waitlist": "guest",
    # orders
    "create_order": "public",
    "get_order": "guest",
    "list_orders": "manager",
    "list_my_orders": "account",
    "cancel_order": "guest",
    "resend_order_email": "guest",
    "mark_order_paid": "manager",
    "list_money_matters": "manager",
    "settle_money_matter": "owner",
    "refund_order": "manager",
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
    # the platform
    "check_invariants": "admin",
    "list_audit_entries": "owner",
    "export_audit_log": "owner",
    "get_health": "public",
    "get_openapi": "public",
    "get_docs": "public",
}

ROLES = ["scanner", "manager", "owner"]  # each may do what those before it may

# What a published event shows to everybody, an event that is a draft shows to members alone.
OF_DRAFTS = {"get_event": "draft", "get_availability": "draft", "list_seats": "unsold_ticket_type"}


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


def test_callers_who_are_entitled_get_through(api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    for name, operation in operations().items():
        for who, caller_of in ENTITLED[WHO[name]].items():
            world = build(conn)  # a new one each time, since many calls can be made only once
            call = call_of(name, world)
            with subtests.test(operation=name, caller=who):
                answer = perform(api, operation, call, caller_of(world, call))
                assert answer.status < 300, answer.body


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


def test_a_stranger_sees_no_ids_of_private_rows(world: World, api: Client, subtests: pytest.Subtests) -> None:
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
                assert answer.status == 200
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
