-- Statements on the waitlist.

-- name: get_terms
-- The sale terms of a ticket type that the public can buy, and the pools that an order of it draws from.
SELECT ticket_types.id AS ticket_type_id, ticket_types.name AS ticket_type_name, organisation_id, event_id,
    sales_start AS on_sale_from, least(coalesce(sales_end, ends_at), ends_at) AS on_sale_until, min_per_order,
    max_per_order, max_per_buyer, pool_ids,
    (SELECT min(quantity) FROM stock_pools WHERE id = ANY(pool_ids)) AS pool_quantity,
    organisations.status = 'approved' AS seller_sells
FROM ticket_types JOIN events ON events.id = event_id JOIN organisations ON organisations.id = organisation_id
    CROSS JOIN LATERAL array_remove(ARRAY[pool_id, capacity_pool_id], NULL) AS pool_ids
WHERE ticket_types.id = %(id)s AND NOT hidden AND ticket_types.deleted_at IS NULL
    AND events.status = 'published' AND events.deleted_at IS NULL

-- name: put_in_line
-- An email address has one open entry of a ticket type. If it has one that waits, this changes its quantity. More
-- tickets put it at the end of the line, so that nobody gets a good place by waiting for one. An open offer stays as it
-- is. The answer tells if the entry is new or has changed.
INSERT INTO waitlist_entries AS entry (id, organisation_id, event_id, ticket_type_id, account_id, name, email, mailbox,
    quantity, erased_quantity, locale)
VALUES (%(id)s, %(organisation_id)s, %(event_id)s, %(ticket_type_id)s, %(account_id)s, %(name)s, %(email)s, %(mailbox)s,
    %(quantity)s, %(erased_quantity)s, %(locale)s)
ON CONFLICT (ticket_type_id, email) WHERE status IN ('waiting', 'offered') DO UPDATE SET
    account_id = coalesce(excluded.account_id, entry.account_id), name = excluded.name,
    quantity = CASE entry.status WHEN 'waiting' THEN excluded.quantity ELSE entry.quantity END,
    erased_quantity = excluded.erased_quantity, locale = coalesce(excluded.locale, entry.locale),
    in_line_since = CASE WHEN entry.status = 'waiting' AND excluded.quantity > entry.quantity THEN clock_timestamp()
        ELSE entry.in_line_since END
RETURNING new.id, old.quantity IS DISTINCT FROM new.quantity AS is_changed

-- name: get_owned_quantities
-- How much of a ticket type a person has in live orders, of the mailbox or of the account. And how much the mailbox has
-- in live orders whose buyer was erased since.
SELECT owned_quantity(%(ticket_type_id)s, %(organisation_id)s, %(mailbox)s, %(account_id)s) AS live,
    (SELECT coalesce(sum(kept_quantity(item.order_id, item.item_no, quantity)), 0)::integer
    FROM erased_buyers JOIN orders ON orders.id = order_id JOIN order_items AS item ON item.order_id = orders.id
    WHERE address_mac = ANY(%(address_macs)s) AND organisation_id = %(organisation_id)s
        AND ticket_type_id = %(ticket_type_id)s AND status IN ('pending', 'paid', 'partially_refunded')) AS erased

-- name: get_organisation
-- The organisation of an event.
SELECT organisation_id FROM events WHERE id = %(event_id)s AND deleted_at IS NULL

-- name: list_entries
-- A page of the entries of an event, in order of joining. Each status is a range of the index, which starts where the
-- page starts. With `=` the planner scans the entries of all events by id instead.
SELECT entry.id, organisation_id, event_id, ticket_type_id, account_id, name, email, quantity, entry.status,
    draws::text AS draws, expires_at, in_line_since, created_at
FROM unnest(%(statuses)s::text[]) AS wanted (status) CROSS JOIN LATERAL (
    SELECT id, organisation_id, event_id, ticket_type_id, account_id, name, email, quantity, status, draws, expires_at,
        in_line_since, created_at
    FROM waitlist_entries
    WHERE event_id = %(event_id)s AND (waitlist_entries.status, id) > (wanted.status, %(after)s)
        AND waitlist_entries.status <= wanted.status
    ORDER BY waitlist_entries.status, id LIMIT %(limit)s + 1
) AS entry ORDER BY id LIMIT %(limit)s + 1

-- name: lock_entry
-- An entry, to end it.
SELECT id, organisation_id, event_id, ticket_type_id, account_id, name, email, quantity, status, draws::text AS draws,
    expires_at, in_line_since, created_at
FROM waitlist_entries WHERE id = %(id)s FOR NO KEY UPDATE

-- name: lock_offer
-- The entry of an email address that has an open offer of a ticket type.
SELECT id, organisation_id, event_id, ticket_type_id, account_id, name, email, quantity, status, draws::text AS draws,
    expires_at, in_line_since, created_at
FROM waitlist_entries
WHERE ticket_type_id = %(ticket_type_id)s AND email = %(email)s AND status = 'offered' AND expires_at > %(now)s
FOR NO KEY UPDATE

-- name: list_awaited
-- The ticket types that have waiting entries. Each step looks up the next ticket type in the index, however many
-- entries there are of the one before.
WITH RECURSIVE awaited AS (
    (SELECT ticket_type_id FROM waitlist_entries WHERE status = 'waiting' ORDER BY ticket_type_id LIMIT 1)
    UNION ALL
    SELECT (SELECT entry.ticket_type_id FROM waitlist_entries AS entry
        WHERE status = 'waiting' AND entry.ticket_type_id > awaited.ticket_type_id
        ORDER BY entry.ticket_type_id LIMIT 1)
    FROM awaited WHERE awaited.ticket_type_id IS NOT NULL
)
SELECT ticket_type_id AS id FROM awaited WHERE ticket_type_id IS NOT NULL

-- name: take_and_close_waiting
-- Closes a batch of waiting entries of some ticket types, where the event is over, cancelled or deleted, or the ticket
-- type is deleted. Entries that others have locked are left for the next run of the job.
WITH ended AS MATERIALIZED (
    SELECT ticket_types.id FROM ticket_types JOIN events ON events.id = event_id
    WHERE ticket_types.id = ANY(%(ticket_type_ids)s) AND (events.status = 'cancelled' OR ends_at <= %(now)s
        OR events.deleted_at IS NOT NULL OR ticket_types.deleted_at IS NOT NULL)
), entry AS MATERIALIZED (
    SELECT waiting.id FROM ended CROSS JOIN LATERAL (
        SELECT id FROM waitlist_entries WHERE ticket_type_id = ended.id AND status = 'waiting'
        ORDER BY quantity, in_line_since, id LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
    ) AS waiting LIMIT %(batch)s
)
UPDATE waitlist_entries SET status = 'closed' FROM entry WHERE waitlist_entries.id = entry.id

-- name: list_awaited_of_event
-- The ticket types of an event that have waiting entries.
SELECT id FROM ticket_types WHERE event_id = %(event_id)s AND EXISTS (
    SELECT FROM waitlist_entries WHERE ticket_type_id = ticket_types.id AND status = 'waiting')
ORDER BY id

-- name: list_awaited_of_orders
-- The ticket types, of all events that some orders have items of, that have waiting entries. An order frees stock of
-- its own ticket types, and of its events' capacities, which all ticket types of an event share.
SELECT id FROM ticket_types
WHERE event_id IN (SELECT event_id FROM order_items WHERE order_id = ANY(%(order_ids)s)) AND EXISTS (
    SELECT FROM waitlist_entries WHERE ticket_type_id = ticket_types.id AND status = 'waiting')
ORDER BY id

-- name: take_next_entries
-- Locks the earliest waiting entries of a ticket type that may be served, in the order of the line. Their quantity is
-- available and may be ordered now. Their buyer may own so many, and their mailbox has few open offers. It has none of
-- a ticket type with a limit per buyer. Entries that others have locked are left out. It reads the earliest entries of
-- each quantity in the index of the queue, as many as what is available could serve. With `=` the planner scans by id
-- instead, and with NOT EXISTS it may read all open offers. The caller serves as many as it can. Those whose mailbox
-- gets offers from another transaction now are marked.
WITH sale AS MATERIALIZED (
    SELECT ticket_types.id, organisation_id, event_id, pool_ids, seated, min_per_order, max_per_order, max_per_buyer,
        time_zone, waitlist_offer_minutes, least(coalesce(sales_end, ends_at), ends_at) AS on_sale_until,
        (SELECT min(available) FROM (
            SELECT sum(available)::integer AS available FROM stock WHERE pool_id = ANY(pool_ids) GROUP BY pool_id
        ) AS pools) AS available
    FROM ticket_types JOIN events ON events.id = event_id JOIN organisations ON organisations.id = organisation_id
        CROSS JOIN LATERAL array_remove(ARRAY[pool_id, capacity_pool_id], NULL) AS pool_ids
    WHERE ticket_types.id = %(ticket_type_id)s AND NOT hidden AND ticket_types.deleted_at IS NULL
        AND organisations.status = 'approved' AND events.status = 'published' AND events.deleted_at IS NULL
        AND coalesce(sales_start <= %(now)s, true) AND least(coalesce(sales_end, ends_at), ends_at) > %(now)s
), earliest AS MATERIALIZED (
    SELECT entry.id, ticket_type_id, email, mailbox, quantity, in_line_since
    FROM sale CROSS JOIN LATERAL generate_series(min_per_order, least(available, max_per_order)) AS size
    CROSS JOIN LATERAL (
        SELECT id, ticket_type_id, email, mailbox, quantity, in_line_since FROM waitlist_entries AS waiting
        WHERE ticket_type_id = sale.id AND quantity BETWEEN size AND size AND status = 'waiting'
            AND %(most_offers)s > (
                SELECT count(*) FROM waitlist_entries AS open
                WHERE open.mailbox = waiting.mailbox AND open.status = 'offered')
            AND (max_per_buyer IS NULL OR max_per_buyer >= quantity + erased_quantity
                + owned_quantity(sale.id, sale.organisation_id, mailbox, account_id)
                + (SELECT coalesce(sum(open.quantity), 0) FROM waitlist_entries AS open
                    WHERE open.account_id = waiting.account_id AND open.ticket_type_id = sale.id
                        AND open.status = 'offered')
                AND (SELECT count(*) FROM waitlist_entries AS open
                    WHERE open.mailbox = waiting.mailbox AND open.ticket_type_id = sale.id
                        AND open.status = 'offered') = 0)
        ORDER BY quantity, in_line_since, id LIMIT least(%(most)s, CASE WHEN seated THEN 1 ELSE available / size END)
        FOR NO KEY UPDATE OF waiting SKIP LOCKED
    ) AS entry
)
SELECT earliest.id, organisation_id, event_id, ticket_type_id, email, mailbox, quantity, pool_ids, seated,
    on_sale_until, time_zone, waitlist_offer_minutes AS offer_minutes, available,
    max_per_buyer IS NOT NULL AS has_limit,
    pg_try_advisory_xact_lock(hashtextextended('offers to ' || mailbox, 0)) AS has_mailbox
FROM earliest JOIN sale ON sale.id = ticket_type_id ORDER BY in_line_since, earliest.id LIMIT %(most)s

-- name: list_open_offers
-- How many open offers some mailboxes have, of all ticket types and of one.
SELECT mailbox, count(*)::integer AS offers,
    count(*) FILTER (WHERE ticket_type_id = %(ticket_type_id)s)::integer AS of_type FROM waitlist_entries
WHERE mailbox = ANY(%(mailboxes)s) AND status = 'offered' GROUP BY mailbox

-- name: list_lapsed
-- A batch of the entries whose offer has lapsed, in the order of lapsing. An offer that nobody can accept any more has
-- lapsed too: its ticket type is no longer sold, or not in such a quantity.
SELECT entry.id FROM waitlist_entries AS entry JOIN ticket_types ON ticket_types.id = ticket_type_id
    JOIN events ON events.id = entry.event_id
WHERE entry.status = 'offered' AND entry.id <> ALL(%(leave_out)s) AND (expires_at <= %(now)s
    OR hidden OR quantity < min_per_order OR sales_start > %(now)s
    OR least(coalesce(sales_end, ends_at), ends_at) <= %(now)s OR events.status <> 'published')
ORDER BY expires_at LIMIT %(batch)s

-- name: take_lapsed
-- An entry whose offer has lapsed, as list_lapsed finds it. It answers no row if the offer's holder accepts it or
-- leaves at this moment.
SELECT entry.id, entry.organisation_id, entry.event_id, ticket_type_id, account_id, entry.name, email, quantity,
    entry.status, draws::text AS draws, expires_at, in_line_since, entry.created_at
FROM waitlist_entries AS entry JOIN ticket_types ON ticket_types.id = ticket_type_id
    JOIN events ON events.id = entry.event_id
WHERE entry.id = %(id)s AND entry.status = 'offered' AND (expires_at <= %(now)s
    OR hidden OR quantity < min_per_order OR sales_start > %(now)s
    OR least(coalesce(sales_end, ends_at), ends_at) <= %(now)s OR events.status <> 'published')
ORDER BY entry.id FOR NO KEY UPDATE OF entry SKIP LOCKED

-- name: set_status
-- The state of an entry that is locked. An offer that it ends early has held stock until now.
UPDATE waitlist_entries SET status = %(status)s,
    expires_at = CASE WHEN expires_at > now() THEN now() ELSE expires_at END
WHERE id = %(id)s

-- name: set_offered
-- Entries have an offer, which holds these draws until it lapses. A draw names its entry.
UPDATE waitlist_entries SET status = 'offered', draws = offer.draws, expires_at = %(expires_at)s
FROM (
    SELECT entry_id, array_agg((pool_id, row_no, quantity)::draw) AS draws
    FROM unnest(%(entry_ids)s::uuid[], %(pool_ids)s::uuid[], %(row_nos)s::integer[], %(quantities)s::integer[])
        AS draw (entry_id, pool_id, row_no, quantity)
    GROUP BY entry_id
) AS offer
WHERE id = entry_id

-- name: get_entry
-- An entry with what its holder wants to know. Those who wait in front are counted in the index of the queue, quantity
-- by quantity, up to a thousand.
SELECT entry.id, entry.organisation_id, entry.event_id, ticket_type_id, account_id, entry.name, email, quantity,
    entry.status, draws::text AS draws, CASE WHEN entry.status = 'offered' THEN expires_at END AS expires_at,
    in_line_since, entry.created_at, currency, price AS unit_price, title AS event_title, starts_at, time_zone,
    ticket_types.name AS ticket_type_name,
    CASE WHEN entry.status = 'waiting' THEN (
        SELECT count(*)::integer FROM (
            SELECT FROM generate_series(1, max_per_order) AS size CROSS JOIN LATERAL (
                SELECT FROM waitlist_entries AS earlier
                WHERE earlier.ticket_type_id = entry.ticket_type_id AND earlier.quantity BETWEEN size AND size
                    AND earlier.status = 'waiting'
                    AND (earlier.in_line_since, earlier.id) < (entry.in_line_since, entry.id)
            ) AS earlier LIMIT 1000
        ) AS in_front
    ) END AS ahead,
    ARRAY(
        SELECT label FROM seats JOIN seat_rows ON seat_rows.id = row_id
        WHERE owner_id = entry.id AND entry.status = 'offered' ORDER BY rank, position
    ) AS seats
FROM waitlist_entries AS entry JOIN events ON events.id = entry.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE entry.id = %(id)s

-- name: get_ticket_type_for_email
-- What the email that confirms an address says of a ticket type that the public can buy.
SELECT events.id AS event_id, events.version AS event_version, title AS event_title, venue_name, venue_address, city,
    time_zone, starts_at, ends_at, doors_open_at, ticket_types.name AS ticket_type_name, organisations.name AS seller,
    contact_email AS seller_contact
FROM ticket_types JOIN events ON events.id = event_id JOIN organisations ON organisations.id = organisation_id
WHERE ticket_types.id = %(id)s AND NOT hidden AND ticket_types.deleted_at IS NULL
    AND events.status = 'published' AND events.deleted_at IS NULL

-- name: get_entry_for_email
-- What the emails about an entry say.
SELECT entry.id, ticket_type_id, currency, price AS unit_price, entry.name, quantity, entry.status, expires_at,
    entry.event_id, events.version AS event_version,
    events.status = 'cancelled' AS is_cancelled, title AS event_title, venue_name, venue_address, city, time_zone,
    starts_at, ends_at, doors_open_at, ticket_types.name AS ticket_type_name, organisations.name AS seller,
    contact_email AS seller_contact, ARRAY(
        SELECT label FROM seats JOIN seat_rows ON seat_rows.id = row_id
        WHERE owner_id = entry.id ORDER BY rank, position
    ) AS seats
FROM waitlist_entries AS entry JOIN events ON events.id = entry.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
    JOIN organisations ON organisations.id = entry.organisation_id
WHERE entry.id = %(id)s

-- name: erase_entries
-- Erase who waited, where an entry has ended.
UPDATE waitlist_entries SET account_id = NULL, name = %(erased_name)s, email = concat(id, %(at_erased)s::text),
    mailbox = concat(id, %(at_erased)s::text), locale = NULL
WHERE id = ANY(%(ids)s) AND status NOT IN ('waiting', 'offered')
