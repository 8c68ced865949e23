-- Paid orders of two tickets each, as a sale leaves them behind: one each tenth of a second.

CREATE TEMPORARY TABLE sale AS
SELECT number,
    (lpad(to_hex(1735689600000 + number * 100), 12, '0') || '7000' || '8' || lpad(to_hex(number), 15, '0'))::uuid AS id,
    'S' || lpad(number::text, 7, '0') AS order_number,
    md5(number::text) || '@example.com' AS email,
    timestamptz '2025-01-01' + number * interval '100 milliseconds' AS at,
    mod(number, row_count)::smallint AS stock_row
FROM generate_series(1, %(orders)s) AS number, stock_pools WHERE stock_pools.id = %(pool_id)s;

UPDATE stock SET available = available - tickets, sold = sold + tickets
FROM (SELECT stock_row, 2 * count(*) AS tickets FROM sale GROUP BY stock_row) AS sold_by_row
WHERE pool_id = %(pool_id)s AND row_no = stock_row;

INSERT INTO orders (id, number, organisation_id, status, buyer_name, buyer_email, currency, total, draws,
    request_id, fingerprint, expires_at, created_at)
SELECT id, order_number, %(organisation_id)s, 'paid', 'Ada Buyer', email, %(currency)s, 2 * %(unit_price)s,
    ARRAY[(%(pool_id)s, stock_row, 2)::draw], md5(email)::uuid, sha256(email::bytea), at + interval '15 minutes', at
FROM sale;

INSERT INTO order_items (order_id, item_no, event_id, ticket_type_id, quantity, unit_price, discount, total)
SELECT id, 1, %(event_id)s, %(ticket_type_id)s, 2, %(unit_price)s, 0, 2 * %(unit_price)s FROM sale;

INSERT INTO order_history (order_id, from_status, to_status, reason, at)
SELECT id, 'pending', 'paid', 'payment succeeded', at FROM sale;

INSERT INTO payments (id, order_id, provider, provider_reference, status, amount, currency, created_at, closed_at)
SELECT id, id, 'sandbox', id::text, 'succeeded', 2 * %(unit_price)s, %(currency)s, at, at FROM sale;

INSERT INTO incoming_payments (id, payment_id, provider, merchant_id, reference, amount, currency, pays_order,
    received_at)
SELECT id, id, 'sandbox', '00000000-0000-0000-0000-000000000000', id::text, 2 * %(unit_price)s, %(currency)s, true, at
FROM sale;

INSERT INTO ledger_transfers (id, organisation_id, kind, holder, currency, amount, source_id, posting_no, line_no,
    order_id, event_id, ticket_type_id, provider, posted_at)
SELECT uuidv7(), %(organisation_id)s, kind, 'platform', %(currency)s, 2 * %(unit_price)s, id, 1, line_no, id, event_id,
    ticket_type_id, provider, at
FROM sale CROSS JOIN (
    VALUES ('receipt', 1, NULL, NULL, 'sandbox'), ('sale', 2, %(event_id)s::uuid, %(ticket_type_id)s::uuid, NULL)
) AS transfer (kind, line_no, event_id, ticket_type_id, provider);

INSERT INTO tickets (id, order_id, item_no, position, organisation_id, event_id, ticket_type_id, holder_name, key_id,
    qr_hash, max_entries, created_at)
SELECT overlay(id::text PLACING position::text FROM 16 FOR 1)::uuid, id, 1, position, %(organisation_id)s, %(event_id)s,
    %(ticket_type_id)s, 'Ada Buyer', 1, sha256((position || email)::bytea), 1, at
FROM sale CROSS JOIN generate_series(1, 2) AS position;
