-- Statements on tickets.

-- name: list_units
-- What an order has bought, one row for each ticket to be: of a grouped item there is one, which admits them all.
SELECT order_id, line, position, organisation_id, item.event_id, ticket_type_id, account_id,
    buyer_name AS holder_name, max_entries, CASE WHEN grouped THEN quantity ELSE 1 END AS admits
FROM orders JOIN order_items AS item ON order_id = orders.id JOIN ticket_types ON ticket_types.id = ticket_type_id
    CROSS JOIN generate_series(1, CASE WHEN grouped THEN 1 ELSE quantity END) AS position
WHERE orders.id = %(order_id)s ORDER BY line, position

-- name: insert_tickets
INSERT INTO tickets (id, order_id, line, position, organisation_id, event_id, ticket_type_id, account_id, holder_name,
    max_entries, admits, key_id, qr_hash)
SELECT * FROM unnest(%(ids)s::uuid[], %(order_ids)s::uuid[], %(lines)s::smallint[], %(positions)s::integer[],
    %(organisation_ids)s::uuid[], %(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[], %(account_ids)s::uuid[],
    %(holder_names)s::text[], %(max_entries)s::smallint[], %(admits)s::integer[], %(key_ids)s::smallint[],
    %(qr_hashes)s::bytea[])

-- name: get_ticket
SELECT tickets.id, order_id, tickets.organisation_id, tickets.event_id, ticket_type_id, account_id, title AS event_title, venue_name,
    city, time_zone, starts_at, name AS ticket_type_name, holder_name, tickets.status, tickets.max_entries, entries,
    first_scan_at, tickets.created_at
FROM tickets JOIN events ON events.id = event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE tickets.id = %(id)s

-- name: list_tickets_of_account
SELECT tickets.id, order_id, tickets.organisation_id, tickets.event_id, ticket_type_id, account_id, title AS event_title, venue_name,
    city, time_zone, starts_at, name AS ticket_type_name, holder_name, tickets.status, tickets.max_entries, entries,
    first_scan_at, tickets.created_at
FROM tickets JOIN events ON events.id = event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE account_id = %(account_id)s AND tickets.id < %(before)s
ORDER BY tickets.id DESC LIMIT %(limit)s + 1

-- name: get_signed_ticket
SELECT id, order_id, organisation_id, event_id, ticket_type_id, account_id, holder_name, status, key_id, epoch
FROM tickets WHERE id = %(id)s

-- name: list_signed_tickets
SELECT id, order_id, organisation_id, event_id, ticket_type_id, account_id, holder_name, status, key_id, epoch
FROM tickets WHERE order_id = %(order_id)s ORDER BY line, position
