-- Statements on tickets.

-- name: list_units
-- What an order has bought, one row for each ticket to be: of a grouped item there is one, which admits them all.
SELECT order_id, item_no, position, organisation_id, item.event_id, ticket_type_id, account_id,
    buyer_name AS holder_name, max_entries, CASE WHEN is_group THEN quantity ELSE 1 END AS group_size, (
        SELECT string_agg(label, ', ' ORDER BY place)
        FROM unnest(CASE WHEN is_group THEN seat_ids ELSE seat_ids[position:position] END)
            WITH ORDINALITY AS taken (id, place) JOIN seats ON seats.id = taken.id
    ) AS seat
FROM orders JOIN order_items AS item ON order_id = orders.id JOIN ticket_types ON ticket_types.id = ticket_type_id
    CROSS JOIN generate_series(1, CASE WHEN is_group THEN 1 ELSE quantity END) AS position
WHERE orders.id = %(order_id)s ORDER BY item_no, position

-- name: insert_tickets
INSERT INTO tickets (id, order_id, item_no, position, organisation_id, event_id, ticket_type_id, account_id, holder_name,
    max_entries, group_size, seat, key_id, qr_hash)
SELECT * FROM unnest(%(ids)s::uuid[], %(order_ids)s::uuid[], %(item_nos)s::smallint[], %(positions)s::integer[],
    %(organisation_ids)s::uuid[], %(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[], %(account_ids)s::uuid[],
    %(holder_names)s::text[], %(max_entries)s::smallint[], %(group_size)s::integer[], %(seats)s::text[],
    %(key_ids)s::smallint[], %(qr_hashes)s::bytea[])

-- name: get_ticket
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, transfer_count, event_title, venue_name, city,
    time_zone, starts_at, ticket_type_name, seat, group_size, holder_name, status, max_entries, entries, first_scan_at,
    created_at, transfer
FROM shown_tickets WHERE id = %(id)s

-- name: list_tickets_of_account
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, transfer_count, event_title, venue_name, city,
    time_zone, starts_at, ticket_type_name, seat, group_size, holder_name, status, max_entries, entries, first_scan_at,
    created_at, transfer
FROM shown_tickets WHERE account_id = %(account_id)s AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: get_signed_ticket
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, holder_name, seat, group_size, status, key_id,
    transfer_count, order_number, seller, event_title, category, venue_name, venue_address, city, time_zone, starts_at,
    ticket_type_name
FROM printed_tickets WHERE id = %(id)s

-- name: list_signed_tickets
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, holder_name, seat, group_size, status, key_id,
    transfer_count, order_number, seller, event_title, category, venue_name, venue_address, city, time_zone, starts_at,
    ticket_type_name
FROM printed_tickets WHERE order_id = %(order_id)s ORDER BY item_no, position

-- name: list_tickets_to_print
-- A part of an order's tickets, of those that are valid and still the buyer's.
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, holder_name, seat, group_size, status, key_id,
    transfer_count, order_number, seller, event_title, category, venue_name, venue_address, city, time_zone, starts_at,
    ticket_type_name
FROM printed_tickets WHERE order_id = %(order_id)s AND status = 'valid' AND transfer_count = 0
ORDER BY item_no, position LIMIT %(limit)s OFFSET %(offset)s

-- name: get_order_to_print
-- Whose it is, and how many of its tickets are valid and still the buyer's.
SELECT id, number, organisation_id, account_id, status, (
    SELECT count(*) FROM tickets WHERE order_id = orders.id AND tickets.status = 'valid' AND transfer_count = 0
) AS tickets
FROM orders WHERE id = %(id)s

-- name: lock_ticket
SELECT tickets.id, order_id, tickets.organisation_id, orders.account_id AS buyer_id, tickets.account_id, holder_name,
    coalesce(holder_email, buyer_email) AS holder_email, tickets.status, transfer_count, entries, starts_at, ends_at,
    events.status = 'published' AND deleted_at IS NULL AS event_is_on
FROM tickets JOIN orders ON orders.id = order_id JOIN events ON events.id = event_id
WHERE tickets.id = %(id)s FOR NO KEY UPDATE OF tickets

-- name: replace_pending_transfer
UPDATE transfers SET status = 'replaced' WHERE ticket_id = %(ticket_id)s AND status = 'pending'

-- name: insert_transfer
INSERT INTO transfers (id, ticket_id, from_name, from_email, from_account, to_name, to_email, started_by, expires_at)
VALUES (%(id)s, %(ticket_id)s, %(from_name)s, %(from_email)s, %(from_account)s, %(to_name)s, %(to_email)s,
    %(started_by)s, %(expires_at)s)
RETURNING id, ticket_id, to_email, to_name, status, expires_at, created_at

-- name: get_transfer
SELECT id, ticket_id, to_email, to_name, status, expires_at, created_at FROM transfers WHERE id = %(id)s

-- name: accept_transfer
-- The next link of the chain, and the ticket in its new holder's hands.
WITH accepted AS (
    UPDATE transfers SET status = 'accepted', to_name = %(name)s, to_account = %(account_id)s, transfer_count = %(transfer_count)s,
        accepted_at = now()
    WHERE id = %(id)s RETURNING ticket_id, to_email
)
UPDATE tickets SET holder_name = %(name)s, holder_email = to_email, account_id = %(account_id)s, transfer_count = %(transfer_count)s,
    key_id = %(key_id)s, qr_hash = %(qr_hash)s, former_hashes = former_hashes || qr_hash
FROM accepted WHERE id = ticket_id

-- name: get_transfer_for_email
SELECT transfers.id, ticket_id, from_name, to_name, expires_at, transfers.transfer_count,
    tickets.event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city, time_zone, starts_at,
    ends_at, ticket_types.name AS ticket_type_name, organisations.name AS seller
FROM transfers JOIN tickets ON tickets.id = ticket_id JOIN events ON events.id = tickets.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id JOIN organisations ON organisations.id = tickets.organisation_id
WHERE transfers.id = %(id)s

-- name: lock_and_end_tickets
-- Those that have admitted somebody stay as they are, unless forced. Whom they belong to is read under the lock.
WITH locked AS MATERIALIZED (
    SELECT id, entries, holder_email FROM tickets WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tickets SET status = 'refunded' FROM locked
WHERE tickets.id = locked.id AND (locked.entries = 0 OR %(force)s)
RETURNING tickets.id, locked.holder_email
