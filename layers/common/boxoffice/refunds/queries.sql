-- Statements on refunds of orders. The refunds at payment providers are in payments.

-- name: list_tickets
-- All tickets of an order, valid or not, each with the charge of its item. The order is locked, so until the commit
-- only scans and transfers can change its tickets.
SELECT tickets.id, item.item_no, tickets.event_id, tickets.status, position, entries, group_size, quantity,
    array_remove(ARRAY[ticket_types.pool_id, capacity_pool_id], NULL) AS pool_ids,
    terms_id, unit_price * quantity AS gross, discount, buyer_fee, tax, platform_fee, total
FROM order_items AS item JOIN tickets ON tickets.order_id = item.order_id AND tickets.item_no = item.item_no
    JOIN ticket_types ON ticket_types.id = item.ticket_type_id JOIN events ON events.id = item.event_id
WHERE item.order_id = %(order_id)s ORDER BY item.item_no, position

-- name: get_refunded_amount
-- How much of an order was refunded before.
SELECT coalesce(sum(amount), 0)::bigint FROM order_refunds WHERE order_id = %(order_id)s

-- name: get_payment
-- The payment that has paid an order.
SELECT id FROM payments WHERE order_id = %(order_id)s AND status = 'succeeded'

-- name: insert_order_refund
-- What the seller gives back of an order.
INSERT INTO order_refunds (id, order_id, refund_id, amount, kept, ticket_ids, reason, actor_id)
VALUES (%(id)s, %(order_id)s, %(refund_id)s, %(amount)s, %(kept)s, %(ticket_ids)s, %(reason)s, %(actor_id)s)

-- name: list_cancelled_events
-- The cancelled events whose orders may not all be given back, the longest cancelled first.
SELECT id, cancelled_at, cancelled_by, coalesce(cancel_reason, '') AS reason FROM events
WHERE cancelled_at IS NOT NULL AND cancellation_finished_at IS NULL AND id <> ALL(%(leave_out)s) ORDER BY cancelled_at

-- name: list_orders_to_give_back
-- A batch of the orders that still have stock or valid tickets of a cancelled event. They are read in the order of an
-- index, so a batch costs as much as the orders that it passes over.
SELECT id FROM (
    SELECT DISTINCT order_id AS id FROM order_items
    WHERE event_id = %(event_id)s AND order_id <> ALL(%(leave_out)s) ORDER BY order_id
) AS item
WHERE (
    SELECT status = 'pending' OR status IN ('paid', 'partially_refunded') AND (
        SELECT true FROM tickets
        WHERE order_id = orders.id AND event_id = %(event_id)s AND tickets.status = 'valid' LIMIT 1
    ) IS NOT NULL
    FROM orders WHERE orders.id = item.id
) ORDER BY id LIMIT %(batch)s

-- name: get_refund_for_email
-- What emails say of a refund. Tickets that ended are counted by event and ticket type.
SELECT order_id, refund_id, kept,
    cardinality(ticket_ids) = (SELECT count(*) FROM tickets WHERE tickets.order_id = orders.id) AS whole,
    (SELECT coalesce(jsonb_agg(ended ORDER BY event_title, type_name), '[]') FROM (
        SELECT title AS event_title, name AS type_name, sum(group_size) AS quantity
        FROM tickets JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN events ON events.id = tickets.event_id
        WHERE tickets.id = ANY(ticket_ids) GROUP BY title, name
    ) AS ended) AS tickets
FROM order_refunds JOIN orders ON orders.id = order_id WHERE order_refunds.id = %(id)s

-- name: get_cancellation_for_email
-- What emails say of a cancelled event.
SELECT events.id AS event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city,
    time_zone, starts_at, ends_at, doors_open_at, cancel_reason AS reason, organisations.name AS seller,
    contact_email AS seller_contact
FROM events JOIN organisations ON organisations.id = organisation_id
WHERE events.id = %(id)s AND cancelled_at IS NOT NULL
