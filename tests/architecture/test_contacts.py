"""Whoever works at a door sees no email address and no phone number in full, whatever they call."""

import psycopg
import pytest

from tests.helpers import factories
from tests.helpers.operations import Caller, build, call_of, operations, perform
from tests.helpers.support import Client, as_owner

CONTACTS = """
    SELECT email FROM accounts UNION SELECT phone FROM accounts
    UNION SELECT buyer_email FROM orders UNION SELECT buyer_phone FROM orders UNION SELECT holder_email FROM tickets
    UNION SELECT from_email FROM transfers UNION SELECT to_email FROM transfers UNION SELECT email FROM waitlist_entries
    UNION SELECT email FROM customers UNION SELECT phone FROM customers UNION SELECT email FROM invitations
"""


def test_no_answer_at_the_door_has_an_address_or_a_number(
    conn: psycopg.Connection, api: Client, subtests: pytest.Subtests
) -> None:
    world = build(conn)
    conn.execute("UPDATE orders SET buyer_phone = '+2348055512345'")
    conn.execute("UPDATE tickets SET holder_email = 'holder.of.ticket@example.com' WHERE id = %s", [world.used_ticket])
    conn.execute("UPDATE tickets SET max_entries = 9")
    claim, _ = factories.claim(conn, world.cloakroom)
    by_phone = "UPDATE customers SET email = NULL, phone = '+2348066612345' FROM claims WHERE claims.id = %s"
    conn.execute(f"{by_phone} AND customers.id = customer_id", [claim])
    at_the_door = [each for each in operations().values() if each.who == "scanner" or each.for_devices]
    assert {"list_slots", "search_guests", "scan_ticket_by_id"} <= {each.name for each in at_the_door}

    for operation in at_the_door:
        with subtests.test(operation=operation.name):
            answer = perform(api, operation, call_of(operation.name, world), Caller(world.scanner))
            with as_owner(conn) as owner:
                contacts = {contact for (contact,) in owner.execute(CONTACTS).fetchall() if contact}
            assert answer.status < 300, answer.body
            body = answer.body.decode()
            assert {contact for contact in contacts if contact.removeprefix("+") in body} == set()
