"""What every operation answers callers who had a right once, or have one elsewhere.

`test_authorisation.py` has the callers by their role, key or pass. Here are a blocked account, a token of another kind,
an admin in an organisation that is not theirs, and an organisation that is suspended.
"""

import psycopg
import pytest

from boxoffice import credentials, guest_tokens
from tests.architecture.test_authorisation import WHO
from tests.helpers import factories
from tests.helpers.google import Google
from tests.helpers.operations import ENTITLED, Caller, World, build, call_of, operations, perform
from tests.helpers.snapshots import unchanged
from tests.helpers.support import Client

# What only owners may do, and admins too, since nobody else could.
OF_OWNERS_AND_ADMINS = {"hand_over_organisation", "list_audit_entries", "export_audit_log"}

# What the seller's suspension ends, by hand, with the code that it answers. All else goes on: people come to events and
# get their money back, and owners read why.
ENDED_BY_SUSPENSION: dict[str, str] = {
    "create_order": "seller_suspended",
    "confirm_waitlist": "seller_suspended",
    "join_waitlist": "seller_suspended",
    "start_payment": "seller_suspended",
    "mark_order_paid": "seller_suspended",
    "send_message": "seller_suspended",
    "preview_message": "seller_suspended",
    "preview_newsletter": "seller_suspended",
    "send_newsletter": "seller_suspended",
    "subscribe": "not_found",
    "confirm_subscription": "not_found",
    "publish_event": "organisation_not_approved",
    "request_payout": "payouts_stopped",
    "decide_payout": "payouts_stopped",
    "create_payout_file": "no_payouts_to_send",
    "get_payout_file": "payout_file_over",
    "get_organisation": "not_found",  # for strangers
    "get_gallery": "not_found",  # for strangers
    "invite_member": "may_not_invite",
    "decide_application": "decision_not_possible",  # to suspend it again, for another reason
}

SUSPEND = "UPDATE organisations SET status = 'suspended', status_reason = 'Fraud' WHERE id = %s"


@pytest.fixture
def world(conn: psycopg.Connection, api: Client) -> World:
    return build(conn)


def test_a_blocked_account_is_refused_everywhere(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    spare_admin = factories.account(conn, is_admin=True)
    conn.execute("UPDATE accounts SET blocked_at = now() WHERE id <> %s", [spare_admin])
    credentials.forget()
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for who in ("buyer", "scanner", "manager", "owner", "admin", "stranger"):
                if WHO[name] != "provider":
                    with subtests.test(operation=name, caller=who):
                        answer = perform(api, operation, call, Caller(getattr(world, who)))
                        assert (answer.status, answer.code) == (401, "unauthenticated"), answer.body


def test_a_guests_token_opens_what_it_was_made_for_alone(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    rows = (world.order, world.paid_order, world.ticket.id, world.waitlist_entry, world.payment)
    tokens = {guest_tokens.order_token(row) for row in rows}
    tokens |= {guest_tokens.ticket_token(row, count) for row in rows for count in range(3)}
    tokens |= {guest_tokens.waitlist_token(row) for row in rows}
    with unchanged(conn):
        for name, operation in operations().items():
            call = call_of(name, world)
            for token in tokens - {call.token or ""} if WHO[name] == "guest" else set():
                with subtests.test(operation=name, token=token):
                    answer = perform(api, operation, call, Caller(token=token))
                    assert (answer.status, answer.code) == (404, "not_found"), answer.body


def test_an_admin_is_a_manager_everywhere(
    world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    for name, operation in operations().items():
        if WHO[name] in {"guest", "scanner", "manager"} or name in OF_OWNERS_AND_ADMINS:
            its_world = world if operation.method == "GET" else build(conn)
            with subtests.test(operation=name):
                answer = perform(api, operation, call_of(name, its_world), Caller(its_world.admin))
                assert answer.status < 300, answer.body


def test_an_admin_is_no_owner(world: World, api: Client, conn: psycopg.Connection, subtests: pytest.Subtests) -> None:
    with unchanged(conn):
        for name, operation in operations().items():
            if WHO[name] == "owner" and name not in OF_OWNERS_AND_ADMINS:
                with subtests.test(operation=name):
                    answer = perform(api, operation, call_of(name, world), Caller(world.admin))
                    assert (answer.status, answer.code) == (403, "forbidden"), answer.body


def test_what_a_suspended_organisation_can_do_no_more(
    api: Client, google: Google, conn: psycopg.Connection, subtests: pytest.Subtests
) -> None:
    for name, operation in operations().items():
        entitled = ENTITLED[WHO[name]]
        who = next(each for each in ("owner", "buyer", "nobody", "provider", "admin", *entitled) if each in entitled)
        world = build(conn)
        call = call_of(name, world)
        conn.execute(
            "UPDATE organisations SET status = 'suspended', status_reason = 'Fraud' WHERE id = %s", [world.organisation]
        )
        with subtests.test(operation=name, caller=who):
            answer = perform(api, operation, call, entitled[who](world, call))
            code = answer.code if answer.status >= 400 else None
            assert code == ENDED_BY_SUSPENSION.get(name), answer.body
