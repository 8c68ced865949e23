-- Statements on ticket types.

-- name: lock_event
-- An event, before it gets a ticket type or loses one.
SELECT organisation_id, status, currency FROM events WHERE id = %(id)s AND deleted_at IS NULL FOR NO KEY UPDATE

-- name: lock_event_of_ticket_type
-- The event of a ticket type, before the price changes. Its currency cannot change until the commit.
SELECT id FROM events WHERE id = (SELECT event_id FROM ticket_types WHERE id = %(id)s) FOR SHARE

-- name: insert_ticket_type
-- A ticket type of an event. Its pool exists already.
INSERT INTO ticket_types (id, event_id, pool_id, name, description, price, sales_start, sales_end, min_per_order,
    max_per_order, max_per_buyer, max_entries, ticket_mode, attributes, hidden)
VALUES (%(id)s, %(event_id)s, %(pool_id)s, %(name)s, %(description)s, %(price)s, %(sales_start)s, %(sales_end)s,
    %(min_per_order)s, %(max_per_order)s, %(max_per_buyer)s, %(max_entries)s, %(ticket_mode)s, %(attributes)s,
    %(hidden)s)

-- name: insert_copies
-- Ticket types once more, for other events. Each has a pool of its own, which exists already.
INSERT INTO ticket_types (id, event_id, pool_id, name, description, price, sales_start, sales_end, min_per_order,
    max_per_order, max_per_buyer, max_entries, ticket_mode, attributes, hidden, seated)
SELECT copy.id, copy.event_id, copy.pool_id, name, description, price, copy.sales_start, copy.sales_end, min_per_order,
    max_per_order, max_per_buyer, max_entries, ticket_mode, attributes, hidden, seated
FROM unnest(%(source_ids)s::uuid[], %(ids)s::uuid[], %(event_ids)s::uuid[], %(pool_ids)s::uuid[],
        %(sales_start)s::timestamptz[], %(sales_end)s::timestamptz[])
    AS copy (source_id, id, event_id, pool_id, sales_start, sales_end)
JOIN ticket_types ON ticket_types.id = copy.source_id

-- name: get_ticket_type
-- A ticket type, with the counts of its pool summed up over the rows of stock.
SELECT ticket_types.id, event_id, status AS event_status, organisation_id, pool_id, name, ticket_types.description,
    price, currency, quantity, least(available, (
        SELECT sum(stock.available) FROM stock WHERE stock.pool_id = capacity_pool_id
    ))::integer AS available, held, sold, sales_start, sales_end, min_per_order, max_per_order, max_per_buyer,
    max_entries, ticket_mode, attributes, hidden, seated, ticket_types.version
FROM ticket_types JOIN events ON events.id = event_id JOIN stock_pools ON stock_pools.id = pool_id
CROSS JOIN LATERAL (
    SELECT sum(available)::integer AS available, sum(held)::integer AS held, sum(sold)::integer AS sold
    FROM stock WHERE stock.pool_id = ticket_types.pool_id
) AS stock
WHERE ticket_types.id = %(id)s AND ticket_types.deleted_at IS NULL

-- name: list_ticket_types
-- The ticket types of an event, in the order of creation. What is available of its capacity is summed up once for all.
SELECT ticket_types.id, event_id, status AS event_status, organisation_id, pool_id, name, ticket_types.description,
    price, currency, quantity, least(available, (
        SELECT sum(stock.available) FROM stock JOIN events ON capacity_pool_id = pool_id WHERE events.id = %(event_id)s
    ))::integer AS available, held, sold, sales_start, sales_end, min_per_order, max_per_order, max_per_buyer,
    max_entries, ticket_mode, attributes, hidden, seated, ticket_types.version
FROM ticket_types JOIN events ON events.id = event_id JOIN stock_pools ON stock_pools.id = pool_id
CROSS JOIN LATERAL (
    SELECT sum(available)::integer AS available, sum(held)::integer AS held, sum(sold)::integer AS sold
    FROM stock WHERE stock.pool_id = ticket_types.pool_id
) AS stock
WHERE event_id = %(event_id)s AND ticket_types.deleted_at IS NULL
ORDER BY ticket_types.id

-- name: lock_ticket_type
-- A ticket type, before it changes.
SELECT id FROM ticket_types WHERE id = %(id)s FOR NO KEY UPDATE

-- name: lock_ticket_types
-- All ticket types of an event, before they change.
SELECT id FROM ticket_types WHERE event_id = %(event_id)s ORDER BY id FOR NO KEY UPDATE

-- name: update_ticket_type
-- All fields that a manager can edit.
UPDATE ticket_types SET name = %(name)s, description = %(description)s, price = %(price)s,
    sales_start = %(sales_start)s, sales_end = %(sales_end)s, min_per_order = %(min_per_order)s,
    max_per_order = %(max_per_order)s, max_per_buyer = %(max_per_buyer)s, max_entries = %(max_entries)s,
    ticket_mode = %(ticket_mode)s, attributes = %(attributes)s, hidden = %(hidden)s, version = version + 1
WHERE id = %(id)s

-- name: replace_pool
-- The ticket type sells from another pool from now on.
UPDATE ticket_types SET pool_id = %(pool_id)s WHERE id = %(id)s

-- name: set_seated
-- The ticket type has numbered seats from now on, and sells from this pool.
UPDATE ticket_types SET seated = true, pool_id = %(pool_id)s, version = version + 1 WHERE id = %(id)s

-- name: delete_ticket_types
-- The ticket types are deleted. Their rows stay, for the orders that refer to them.
UPDATE ticket_types SET deleted_at = now(), version = version + 1 WHERE id = ANY(%(ids)s)
