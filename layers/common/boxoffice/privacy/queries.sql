-- Statements on personal data: what is held about a person, and what is to be erased.

-- name: insert_erasure
INSERT INTO erasures (id, account_id, email, is_proven, phone)
VALUES (%(id)s, %(account_id)s, %(email)s, %(is_proven)s, %(phone)s)
RETURNING id, account_id, email, is_proven, phone, asked_at

-- name: list_due_erasures
-- A batch of erasures that have something to do, the oldest first.
SELECT id FROM erasures WHERE due_at <= now() AND id <> ALL(%(leave_out)s) ORDER BY due_at, id LIMIT %(batch)s

-- name: take_erasure
-- An erasure that is due, unless another run works on it.
SELECT id, account_id, email, is_proven, phone, asked_at FROM erasures
WHERE id = %(id)s AND due_at <= now() ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: set_erasure_due
-- Look again later, if something is under way, or if a request from before may still be writing.
UPDATE erasures SET due_at = CASE WHEN %(is_left)s THEN now() + %(wait)s ELSE asked_at + %(until)s END
WHERE id = %(id)s AND (%(is_left)s OR asked_at + %(until)s > now())

-- name: finish_erasure
UPDATE erasures SET email = NULL, phone = NULL, due_at = NULL, finished_at = now() WHERE id = %(id)s

-- name: list_orders_to_erase
-- A batch of the orders of a person that nothing is under way for: those of the account, and those of a guest with this
-- address. The latter are looked up for each organisation.
SELECT id FROM (
    SELECT id, status FROM orders WHERE account_id = %(account_id)s
    UNION ALL
    SELECT guest.id, guest.status FROM organisations CROSS JOIN LATERAL (
        SELECT id, status FROM orders
        WHERE organisation_id = organisations.id AND buyer_email = %(proven_email)s AND account_id IS NULL
    ) AS guest
) AS person
WHERE status <> 'pending' AND NOT EXISTS (SELECT FROM payments WHERE order_id = person.id AND ask_at IS NOT NULL)
LIMIT %(batch)s

-- name: list_tickets_to_erase
-- A batch of the tickets that an account holds. Those of its own orders are erased with these.
SELECT id FROM tickets WHERE account_id = %(account_id)s
    AND NOT EXISTS (SELECT FROM orders WHERE orders.id = order_id AND orders.account_id = %(account_id)s)
LIMIT %(batch)s

-- name: list_transfers_sent_to_erase
-- A batch of the transfers that a person has started.
SELECT id FROM transfers WHERE from_account_id = %(account_id)s
UNION
SELECT id FROM transfers WHERE from_email = %(proven_email)s AND from_account_id IS NULL
LIMIT %(batch)s

-- name: list_transfers_received_to_erase
-- A batch of the transfers to a person.
SELECT id FROM transfers WHERE to_account_id = %(account_id)s
UNION
SELECT id FROM transfers WHERE to_email = %(proven_email)s AND to_account_id IS NULL
LIMIT %(batch)s

-- name: list_open_entries
-- The places of a person on waitlists.
SELECT id FROM waitlist_entries WHERE account_id = %(account_id)s AND status IN ('waiting', 'offered')
UNION
SELECT id FROM waitlist_entries
WHERE email = %(proven_email)s AND account_id IS NULL AND status IN ('waiting', 'offered')
LIMIT %(batch)s

-- name: list_entries_to_erase
-- A batch of the waitlist entries of a person that have ended.
SELECT id FROM waitlist_entries WHERE account_id = %(account_id)s AND status NOT IN ('waiting', 'offered')
UNION
SELECT id FROM waitlist_entries
WHERE email = %(proven_email)s AND account_id IS NULL AND status NOT IN ('waiting', 'offered')
LIMIT %(batch)s

-- name: list_customers_to_erase
-- A batch of what organisations know of a person as their customer.
SELECT id FROM customers
WHERE account_id = %(account_id)s OR email = %(proven_email)s OR phone = %(phone)s LIMIT %(batch)s

-- name: list_messages_to_erase
-- A batch of the messages to a person that are not to be sent any more.
SELECT id FROM outbox
WHERE recipient = ANY(array_remove(ARRAY[%(email)s, %(phone)s]::text[], NULL)) AND kind <> 'webhook'
    AND status NOT IN ('pending', 'sending')
LIMIT %(batch)s

-- name: has_something_left
-- True if something about a person is under way, so that it is erased later.
SELECT EXISTS (SELECT FROM orders WHERE account_id = %(account_id)s)
    OR EXISTS (
        SELECT FROM organisations JOIN orders ON organisation_id = organisations.id
        WHERE buyer_email = %(proven_email)s AND account_id IS NULL)
    OR EXISTS (
        SELECT FROM outbox WHERE recipient = ANY(array_remove(ARRAY[%(email)s, %(phone)s]::text[], NULL))
            AND kind <> 'webhook')

-- name: list_events_to_purge
-- A batch of events that ended so many months ago, and that still have contacts to erase.
SELECT id FROM events
WHERE ends_at < now() - make_interval(months => %(months)s) AND id <> ALL(%(leave_out)s)
    AND NOT EXISTS (SELECT FROM contact_purges WHERE event_id = events.id AND finished_at IS NOT NULL)
ORDER BY ends_at LIMIT %(batch)s

-- name: lock_contact_purge
-- How far an event has come. Another run waits here for its turn.
INSERT INTO contact_purges AS purge (event_id) VALUES (%(event_id)s)
ON CONFLICT (event_id) DO UPDATE SET event_id = purge.event_id RETURNING last_order_id

-- name: list_orders_of_event
-- The next orders of an event, in the order of their ids. An order is over if all its events ended long enough ago.
SELECT next_order.id, NOT EXISTS (
    SELECT FROM order_items JOIN events ON events.id = event_id
    WHERE order_id = next_order.id AND ends_at >= now() - make_interval(months => %(months)s)) AS is_over
FROM (
    SELECT DISTINCT order_id AS id FROM order_items
    WHERE event_id = %(event_id)s AND order_id > %(after)s ORDER BY order_id LIMIT %(batch)s
) AS next_order ORDER BY next_order.id

-- name: list_transfers_of_orders
SELECT transfers.id FROM tickets JOIN transfers ON ticket_id = tickets.id WHERE order_id = ANY(%(order_ids)s)

-- name: list_entries_of_event
-- A batch of an event's waitlist entries that have a name and an address.
SELECT id FROM waitlist_entries
WHERE event_id = %(event_id)s AND status NOT IN ('waiting', 'offered')
    AND email <> concat(id, %(at_erased)s::text) LIMIT %(batch)s

-- name: set_contact_purge
UPDATE contact_purges SET last_order_id = %(last_order_id)s WHERE event_id = %(event_id)s

-- name: finish_contact_purge
UPDATE contact_purges SET finished_at = now() WHERE event_id = %(event_id)s
