-- The inserts of a purchase, without its change of stock.
WITH placed AS (
    INSERT INTO orders (id, number, organisation_id, account_id, status, buyer_name, buyer_email, buyer_phone, currency,
        total, draws, request_id, fingerprint, expires_at, created_at)
    VALUES (%(id)s, %(number)s, %(organisation_id)s, %(account_id)s, 'pending', %(buyer_name)s, %(buyer_email)s,
        %(buyer_phone)s, %(currency)s, %(total)s,
        ARRAY[(%(pool_id)s, 0, %(quantity)s)::draw], %(request_id)s, %(fingerprint)s, %(expires_at)s, %(created_at)s)
)
INSERT INTO order_items (order_id, item_no, event_id, ticket_type_id, quantity, unit_price, discount, total)
VALUES (%(id)s, 1, %(event_id)s, %(ticket_type_id)s, %(quantity)s, %(unit_price)s, %(discount)s, %(total)s);
