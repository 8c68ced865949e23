"""The email that says a payment goes back."""

from uuid import uuid4

import pytest

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe


def returned(conn, order_id):
    """Return the id of the refund that returns a payment of an order."""
    payment_id, refund_id = new_id(), new_id()
    conn.execute(
        """INSERT INTO payments (id, order_id, provider, status, amount, currency)
        VALUES (%s, %s, 'sandbox', 'refunded', 1000000, 'NGN')""",
        [payment_id, order_id],
    )
    conn.execute(
        """WITH incoming AS (
            INSERT INTO incoming_payments (id, payment_id, provider, merchant_id, reference, amount, currency, refunded)
            SELECT %s, id, provider, merchant_id, id, amount, currency, amount FROM payments WHERE id = %s RETURNING *)
        INSERT INTO refunds (id, payment_id, incoming_payment_id, amount, currency, reason)
        SELECT %s, payment_id, id, amount, currency, 'too late' FROM incoming""",
        [new_id(), payment_id, refund_id],
    )
    return refund_id


def owe_notice(conn, order_id, refund_id):
    return owe(conn, template="payment_returned", payload={"order_id": str(order_id), "refund_id": str(refund_id)})


def test_it_says_which_payment_of_which_order_comes_back(conn, aws_url):
    event = factories.event(conn, title="Jazz & Blues")
    order_id = factories.order(conn, factories.ticket_type(conn, event_id=event), number="K7QW3MPX", status="expired")
    message = owe_notice(conn, order_id, returned(conn, order_id))
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    assert mail["Subject"] == "Your payment for Jazz & Blues goes back to you"
    for kind, said in (("plain", "Jazz & Blues"), ("html", "Jazz &amp; Blues")):
        body = mail.get_body((kind,)).get_content()
        assert said in body
        assert "NGN\u00a010,000.00" in body
        assert "K7QW-3MPX" in body
        assert f"/orders/{order_id}#token=" in body


def test_it_names_the_amount_that_came_if_that_was_wrong(conn, aws_url):
    order_id = factories.order(conn, factories.ticket_type(conn), status="expired")
    refund_id = returned(conn, order_id)
    conn.execute("UPDATE refunds SET amount = 70000, currency = 'GHS'")
    message = owe_notice(conn, order_id, refund_id)
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    assert "GHS\u00a0700.00" in mail.get_body(("plain",)).get_content()


def test_a_payment_of_another_order_is_refused(conn):
    ours, theirs = (factories.order(conn, factories.ticket_type(conn)) for _ in range(2))
    for order_id, refund_id in ((ours, returned(conn, theirs)), (ours, uuid4())):
        message = owe_notice(conn, order_id, refund_id)
        assert deliver(message) == []
        assert outbox_row(conn, message)["last_error"].startswith("LookupError")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("status = 'owed'", "We write to you again as soon as it is on its way."),
        ("status = 'sent'", "is on its way back, the way you paid."),
        ("status = 'succeeded', due_at = NULL, provider_reference = 're_1'", "is on its way back, the way you paid."),
        ("status = 'failed', last_error = 'no', due_at = NULL", "We write to you again as soon as it is on its way."),
        ("status = 'by_hand', due_at = NULL", "If it does not arrive, please ask them."),
        ("status = 'succeeded', due_at = NULL, elsewhere = amount", "has gone back to you already."),
    ],
)
def test_it_promises_only_what_the_provider_has_taken(conn, aws_url, state, said):
    order_id = factories.order(conn, factories.ticket_type(conn), status="expired")
    message = owe_notice(conn, order_id, returned(conn, order_id))
    conn.execute("UPDATE refunds SET " + state)
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    for kind in ("plain", "html"):
        assert said in " ".join(mail.get_body((kind,)).get_content().split())
