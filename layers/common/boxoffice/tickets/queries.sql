-- Statements on tickets and transfers.

-- name: list_tickets_to_issue
-- One row for each ticket that an order gets. An item for a group gets a single ticket, which admits all of them. The
-- order has named the holders in this order, or none.
WITH to_issue AS MATERIALIZED (
    SELECT order_id, item_no, position, organisation_id, item.event_id, ticket_type_id, account_id, buyer_name,
        max_entries, CASE WHEN is_group THEN quantity ELSE 1 END AS group_size, (
            SELECT string_agg(label, ', ' ORDER BY seat_no)
            FROM unnest(CASE WHEN is_group THEN seat_ids ELSE seat_ids[position:position] END)
                WITH ORDINALITY AS taken_seats (id, seat_no) JOIN seats ON seats.id = taken_seats.id
        ) AS seat, row_number() OVER (ORDER BY item_no, position) AS ticket_no
    FROM orders JOIN order_items AS item ON order_id = orders.id JOIN ticket_types ON ticket_types.id = ticket_type_id
        CROSS JOIN generate_series(1, CASE WHEN is_group THEN 1 ELSE quantity END) AS position
    WHERE orders.id = %(order_id)s
)
SELECT order_id, item_no, position, organisation_id, event_id, ticket_type_id, account_id,
    coalesce(holder ->> 'name', buyer_name) AS holder_name, holder ->> 'email' AS holder_contact,
    (holder -> 'answers')::text AS answers, holder IS NOT NULL AS is_named, max_entries, group_size, seat
FROM to_issue LEFT JOIN (
    SELECT holder, ticket_no
    FROM orders CROSS JOIN jsonb_array_elements(details -> 'holders') WITH ORDINALITY AS named (holder, ticket_no)
    WHERE id = %(order_id)s
) AS named USING (ticket_no)
ORDER BY item_no, position

-- name: insert_tickets
-- Inserts many tickets at once, one for each place in the arrays.
INSERT INTO tickets (id, order_id, item_no, position, organisation_id, event_id, ticket_type_id, account_id,
    holder_name, holder_contact, answers, max_entries, group_size, seat, key_id, qr_hash)
SELECT id, order_id, item_no, position, organisation_id, event_id, ticket_type_id, account_id,
    holder_name, holder_contact, answers::jsonb, max_entries, group_size, seat, key_id, qr_hash
FROM unnest(%(ids)s::uuid[], %(order_ids)s::uuid[], %(item_nos)s::smallint[], %(positions)s::integer[],
    %(organisation_ids)s::uuid[], %(event_ids)s::uuid[], %(ticket_type_ids)s::uuid[], %(account_ids)s::uuid[],
    %(holder_names)s::text[], %(holder_contacts)s::text[], %(answers)s::text[], %(max_entries)s::smallint[],
    %(group_sizes)s::integer[], %(seats)s::text[], %(key_ids)s::smallint[], %(qr_hashes)s::bytea[])
    AS new_tickets (id, order_id, item_no, position, organisation_id, event_id, ticket_type_id, account_id,
    holder_name, holder_contact, answers, max_entries, group_size, seat, key_id, qr_hash)

-- name: get_ticket
-- A ticket as its holder sees it.
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, transfer_count, transferred,
    email_changes, event_title, venue_name, city, time_zone, starts_at, ticket_type_name, seat, group_size, holder_name,
    holder_contact, answers, status, max_entries, entries, first_scan_at, created_at, transfer
FROM shown_tickets WHERE id = %(id)s

-- name: list_tickets_of_account
-- The tickets that an account holds, newest first.
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, transfer_count, transferred,
    email_changes, event_title, venue_name, city, time_zone, starts_at, ticket_type_name, seat, group_size, holder_name,
    holder_contact, answers, status, max_entries, entries, first_scan_at, created_at, transfer
FROM shown_tickets WHERE account_id = %(account_id)s AND id < %(before)s
ORDER BY id DESC LIMIT %(limit)s + 1

-- name: get_signed_ticket
-- A ticket with the facts that its QR is made of.
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, holder_name, seat, group_size,
    status, key_id, transfer_count, transferred, email_changes, order_number, seller, seller_contact, event_title,
    category, venue_name, venue_address, city, time_zone, starts_at, ends_at, doors_open_at, ticket_type_name
FROM printed_tickets WHERE id = %(id)s

-- name: list_signed_tickets
-- All tickets of an order.
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, holder_name, seat, group_size,
    status, key_id, transfer_count, transferred, email_changes, order_number, seller, seller_contact, event_title,
    category, venue_name, venue_address, city, time_zone, starts_at, ends_at, doors_open_at, ticket_type_name
FROM printed_tickets WHERE order_id = %(order_id)s ORDER BY item_no, position

-- name: list_tickets_to_print
-- Some of an order's tickets, without those that were refunded or transferred.
SELECT id, order_id, organisation_id, event_id, ticket_type_id, buyer_id, account_id, holder_name, seat, group_size,
    status, key_id, transfer_count, transferred, email_changes, order_number, seller, seller_contact, event_title,
    category, venue_name, venue_address, city, time_zone, starts_at, ends_at, doors_open_at, ticket_type_name
FROM printed_tickets WHERE order_id = %(order_id)s AND status = 'valid' AND NOT transferred
ORDER BY item_no, position LIMIT %(limit)s OFFSET %(offset)s

-- name: get_order_to_print
-- An order, and how many of its tickets `list_tickets_to_print` can return.
SELECT id, number, organisation_id, account_id, status, email_changes, (
    SELECT count(*) FROM tickets WHERE order_id = orders.id AND tickets.status = 'valid' AND holder_email IS NULL
) AS tickets, coalesce(details ->> 'locale', (
    SELECT locale FROM organisations WHERE organisations.id = organisation_id
)) AS locale
FROM orders WHERE id = %(id)s

-- name: lock_ticket
-- Locks a ticket that somebody wants to transfer. What is read beside it must be read after that: the order may get
-- another address while this waits, and this would not see it.
SELECT organisation_id FROM tickets WHERE id = %(id)s FOR NO KEY UPDATE

-- name: get_locked_ticket
-- A ticket that somebody wants to transfer, and that the transaction has locked.
SELECT tickets.id, order_id, tickets.organisation_id, event_id, ticket_type_id, form, orders.account_id AS buyer_id,
    tickets.account_id, holder_name, coalesce(holder_email, buyer_email) AS holder_email, tickets.status,
    transfer_count, holder_email IS NOT NULL AS transferred, email_changes, entries, starts_at, ends_at,
    events.status = 'published' AND deleted_at IS NULL AS event_is_on
FROM tickets JOIN orders ON orders.id = order_id JOIN events ON events.id = event_id
WHERE tickets.id = %(id)s

-- name: list_holders_of_free_ticket
SELECT coalesce(holder_email, buyer_email) AS email FROM tickets JOIN orders ON orders.id = order_id
WHERE tickets.id = %(id)s AND orders.total = 0

-- name: replace_pending_transfer
-- Ends the link of a ticket's pending transfer, if there is one, before a new transfer starts.
UPDATE transfers SET status = 'replaced' WHERE ticket_id = %(ticket_id)s AND status = 'pending'

-- name: insert_transfer
-- Starts a transfer of a locked ticket.
INSERT INTO transfers (id, ticket_id, from_name, from_email, from_account_id, to_name, to_email, started_by, expires_at,
    locale)
VALUES (%(id)s, %(ticket_id)s, %(from_name)s, %(from_email)s, %(from_account_id)s, %(to_name)s, %(to_email)s,
    %(started_by)s, %(expires_at)s, %(locale)s)
RETURNING id, ticket_id, to_email, to_name, status, expires_at, created_at

-- name: get_transfer
-- A transfer in any state.
SELECT id, ticket_id, to_email, to_name, status, expires_at, created_at FROM transfers WHERE id = %(id)s

-- name: accept_transfer
-- Gives a locked ticket to its new holder, with a new QR. The hash of the former QR stays on the ticket. What was asked
-- of its former holder goes.
WITH accepted AS (
    UPDATE transfers SET status = 'accepted', to_name = %(name)s, to_account_id = %(account_id)s,
        transfer_count = %(transfer_count)s, accepted_at = now()
    WHERE id = %(id)s RETURNING ticket_id, to_email
)
UPDATE tickets SET holder_name = %(name)s, holder_email = to_email, holder_contact = NULL, answers = %(answers)s,
    account_id = %(account_id)s, transfer_count = %(transfer_count)s, key_id = %(key_id)s, qr_hash = %(qr_hash)s,
    former_hashes = former_hashes || qr_hash
FROM accepted WHERE id = ticket_id

-- name: lock_tickets_to_move
-- The valid tickets of an order that are still the buyer's.
SELECT id, organisation_id, transfer_count FROM tickets
WHERE order_id = %(order_id)s AND status = 'valid' AND holder_email IS NULL ORDER BY id FOR NO KEY UPDATE

-- name: move_tickets
-- Gives locked tickets new QRs, since their order gets another address. It is an accepted transfer of each, so that the
-- door knows the former QRs, and until when they admitted. A pending transfer ends.
WITH ended AS (
    UPDATE transfers SET status = 'replaced' WHERE ticket_id = ANY(%(ids)s) AND status = 'pending'
), moved AS (
    UPDATE tickets SET transfer_count = transfer_count + 1, key_id = %(key_id)s, qr_hash = new_qr.qr_hash,
        former_hashes = former_hashes || tickets.qr_hash
    FROM unnest(%(ids)s::uuid[], %(transfer_ids)s::uuid[], %(qr_hashes)s::bytea[])
        AS new_qr (ticket_id, transfer_id, qr_hash)
    WHERE tickets.id = new_qr.ticket_id
    RETURNING transfer_id, tickets.id, holder_name, account_id, transfer_count
)
INSERT INTO transfers (id, ticket_id, status, from_name, from_email, from_account_id, to_name, to_email, to_account_id,
    transfer_count, started_by, expires_at, accepted_at, with_order)
SELECT transfer_id, id, 'accepted', holder_name, %(from_email)s, account_id, holder_name, %(to_email)s, account_id,
    transfer_count, %(actor_id)s, now(), now(), true
FROM moved

-- name: lock_tickets_to_name
-- Locks some of an order's tickets. An event without a time for its doors opens them when it starts.
SELECT tickets.id, event_id, ticket_type_id, holder_name, holder_contact, answers, tickets.status,
    holder_email IS NOT NULL AS transferred, now() >= coalesce(doors_open_at, starts_at) AS doors_are_open
FROM tickets JOIN events ON events.id = event_id
WHERE order_id = %(order_id)s AND tickets.id = ANY(%(ids)s) ORDER BY tickets.id FOR NO KEY UPDATE OF tickets

-- name: set_holders
UPDATE tickets SET holder_name = named.name, holder_contact = named.contact, answers = named.answers::jsonb
FROM unnest(%(ids)s::uuid[], %(names)s::text[], %(contacts)s::text[], %(answers)s::text[])
    AS named (id, name, contact, answers)
WHERE tickets.id = named.id
    AND (holder_name, holder_contact, tickets.answers)
        IS DISTINCT FROM (named.name, named.contact, named.answers::jsonb)

-- name: get_size_of_answers
SELECT coalesce(sum(octet_length(answers::text)), 0)::integer FROM tickets WHERE order_id = %(order_id)s

-- name: lock_and_rename_buyer
WITH locked AS MATERIALIZED (
    SELECT tickets.id FROM tickets JOIN events ON events.id = event_id
    WHERE order_id = %(order_id)s AND tickets.status = 'valid' AND holder_email IS NULL AND holder_name = %(former)s
        AND now() < coalesce(doors_open_at, starts_at)
    ORDER BY tickets.id FOR NO KEY UPDATE OF tickets
)
UPDATE tickets SET holder_name = %(name)s FROM locked WHERE tickets.id = locked.id

-- name: get_transfer_for_email
-- A transfer with its ticket and event, for the emails about it.
SELECT transfers.id, ticket_id, from_name, to_name, expires_at, transfers.transfer_count,
    tickets.event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city,
    time_zone, starts_at, ends_at, doors_open_at, ticket_types.name AS ticket_type_name, organisations.name AS seller,
    contact_email AS seller_contact
FROM transfers JOIN tickets ON tickets.id = ticket_id JOIN events ON events.id = tickets.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
    JOIN organisations ON organisations.id = tickets.organisation_id
WHERE transfers.id = %(id)s

-- name: lock_tickets_to_reissue
-- The valid tickets of some orders whose QR is signed by a key up to an id.
SELECT id, order_id, organisation_id, transfer_count, holder_email IS NOT NULL AS transferred FROM tickets
WHERE order_id = ANY(%(order_ids)s) AND status = 'valid' AND key_id <= %(up_to)s
ORDER BY id FOR NO KEY UPDATE

-- name: reissue_tickets
-- Gives locked tickets QRs of another key. The former QRs admit until their key is withdrawn. They are in the ticket's
-- own row, so that a scan that has waited for this sees them.
UPDATE tickets SET key_id = %(key_id)s, qr_hash = reissued.qr_hash,
    replaced_qrs = array_append(replaced_qrs, ROW(key_id, transfer_count, tickets.qr_hash)::replaced_qr)
FROM unnest(%(ids)s::uuid[], %(qr_hashes)s::bytea[]) AS reissued (id, qr_hash) WHERE tickets.id = reissued.id

-- name: lock_and_end_tickets
-- Locks tickets and refunds them. Used tickets stay as they are, unless forced.
-- The holder's address is read under the lock, since a transfer may have changed it.
WITH locked AS MATERIALIZED (
    SELECT id, entries, holder_email FROM tickets WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tickets SET status = 'refunded' FROM locked
WHERE tickets.id = locked.id AND (locked.entries = 0 OR %(force)s)
RETURNING tickets.id, locked.holder_email

-- name: lock_and_set_disputed
-- The payer disputes the payment of an order, or no longer does. Tickets that say so already stay as they are.
UPDATE tickets SET disputed = %(disputed)s FROM (
    SELECT id FROM tickets WHERE order_id = %(order_id)s AND disputed <> %(disputed)s ORDER BY id FOR NO KEY UPDATE
) AS changed
WHERE tickets.id = changed.id

-- name: lock_and_erase_buyers_tickets
-- Erase the holders of some orders' tickets: those that still are the buyer's or, if `all`, all of them.
WITH locked AS MATERIALIZED (
    SELECT id FROM tickets WHERE order_id = ANY(%(order_ids)s) AND (holder_email IS NULL OR %(all)s)
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE tickets SET account_id = NULL, holder_name = %(erased_name)s, holder_contact = NULL, answers = NULL,
    holder_email = CASE WHEN holder_email IS NOT NULL THEN concat(tickets.id, %(at_erased)s::text) END
FROM locked WHERE tickets.id = locked.id

-- name: lock_and_erase_holders
-- Erase a person from some tickets that they hold, but for those that have passed on meanwhile.
WITH locked AS MATERIALIZED (
    SELECT id FROM tickets
    WHERE id = ANY(%(ids)s) AND (account_id = %(account_id)s OR account_id IS NULL AND holder_email = %(email)s)
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE tickets SET account_id = NULL, holder_name = %(erased_name)s, holder_contact = NULL, answers = NULL,
    holder_email = CASE WHEN holder_email IS NOT NULL THEN concat(tickets.id, %(at_erased)s::text) END
FROM locked WHERE tickets.id = locked.id

-- name: lock_and_erase_named_holders
-- Erase a person from some tickets whose buyers have named their address. The tickets stay the buyers'.
WITH locked AS MATERIALIZED (
    SELECT id FROM tickets WHERE id = ANY(%(ids)s) AND holder_contact = %(email)s ORDER BY id FOR NO KEY UPDATE
)
UPDATE tickets SET holder_name = %(erased_name)s, holder_contact = NULL, answers = NULL
FROM locked WHERE tickets.id = locked.id

-- name: lock_tickets_of_transfers
-- Whoever accepts a transfer locks its ticket first, too.
SELECT id FROM tickets WHERE id IN (SELECT ticket_id FROM transfers WHERE id = ANY(%(ids)s))
ORDER BY id FOR NO KEY UPDATE

-- name: erase_senders
-- Erase who sent some tickets.
UPDATE transfers SET from_name = %(erased_name)s, from_email = concat(id, %(at_erased)s::text), from_account_id = NULL,
    started_by = NULL
WHERE id = ANY(%(ids)s)

-- name: erase_recipients
-- Erase to whom some tickets were sent. A pending transfer ends: its link leads to nobody any more.
UPDATE transfers SET status = CASE WHEN status = 'pending' THEN 'replaced' ELSE status END,
    to_name = CASE WHEN to_name IS NOT NULL THEN %(erased_name)s END, to_email = concat(id, %(at_erased)s::text),
    to_account_id = NULL, locale = NULL
WHERE id = ANY(%(ids)s)

-- name: list_tickets_of_address
-- The newest tickets that were sent to an address, and that whoever accepted them there holds still.
SELECT tickets.id, tickets.transfer_count, title AS event_title, organisations.name AS seller
FROM transfers JOIN tickets ON tickets.id = ticket_id AND tickets.transfer_count = transfers.transfer_count
    JOIN events ON events.id = tickets.event_id JOIN organisations ON organisations.id = tickets.organisation_id
WHERE to_email = %(email)s AND holder_email IS NOT NULL AND tickets.status = 'valid'
ORDER BY transfers.id DESC LIMIT %(most)s
