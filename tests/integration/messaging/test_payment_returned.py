"""The email that says a payment is on its way back."""

from uuid import uuid4

from boxoffice.ids import new_id
from tests.helpers import factories
from tests.helpers.mailbox import deliver, inbox, outbox_row, owe


def payment(conn, order_id):
    payment_id = new_id()
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
        [new_id(), payment_id, new_id()],
    )
    return payment_id


def owe_notice(conn, order_id, payment_id):
    return owe(conn, template="payment_returned", payload={"order_id": str(order_id), "payment_id": str(payment_id)})


def test_it_says_which_payment_of_which_order_comes_back(conn, aws_url):
    event = factories.event(conn, title="Jazz & Blues")
    order_id = factories.order(conn, factories.ticket_type(conn, event_id=event), number="K7QW3MPX", status="expired")
    message = owe_notice(conn, order_id, payment(conn, order_id))
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    assert mail["Subject"] == "Your payment for Jazz & Blues is on its way back"
    for kind, said in (("plain", "Jazz & Blues"), ("html", "Jazz &amp; Blues")):
        body = mail.get_body((kind,)).get_content()
        assert said in body
        assert "NGN 10,000.00" in body
        assert "K7QW-3MPX" in body
        assert f"/orders/{order_id}#token=" in body


def test_it_names_the_amount_that_came_if_that_was_wrong(conn, aws_url):
    order_id = factories.order(conn, factories.ticket_type(conn), status="expired")
    payment_id = payment(conn, order_id)
    conn.execute("UPDATE refunds SET amount = 70000, currency = 'GHS'")
    message = owe_notice(conn, order_id, payment_id)
    assert deliver(message) == []
    (mail,) = inbox(aws_url, outbox_row(conn, message)["recipient"])
    assert "GHS 700.00" in mail.get_body(("plain",)).get_content()


def test_a_payment_of_another_order_is_refused(conn):
    ours, theirs = (factories.order(conn, factories.ticket_type(conn)) for _ in range(2))
    for order_id, payment_id in ((ours, payment(conn, theirs)), (ours, uuid4())):
        message = owe_notice(conn, order_id, payment_id)
        assert deliver(message) == []
        assert outbox_row(conn, message)["last_error"].startswith("LookupError")
