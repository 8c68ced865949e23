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
-- address from before they asked. The latter are looked up for each organisation.
SELECT id FROM (
    SELECT id, status FROM orders WHERE account_id = %(account_id)s
    UNION ALL
    SELECT guest.id, guest.status FROM organisations CROSS JOIN LATERAL (
        SELECT id, status FROM orders
        WHERE organisation_id = organisations.id AND mailbox_of(buyer_email) = mailbox_of(%(proven_email)s)
            AND buyer_email = %(proven_email)s AND account_id IS NULL AND created_at <= %(asked_at)s
    ) AS guest
) AS person
WHERE status <> 'pending' AND NOT EXISTS (SELECT FROM payments WHERE order_id = person.id AND ask_at IS NOT NULL)
LIMIT %(batch)s

-- name: list_tickets_to_erase
-- A batch of the tickets that an account holds. Those of its own orders are erased with these.
SELECT id FROM tickets WHERE account_id = %(account_id)s
    AND NOT EXISTS (SELECT FROM orders WHERE orders.id = order_id AND orders.account_id = %(account_id)s)
LIMIT %(batch)s

-- name: list_named_tickets_to_erase
-- A batch of the tickets whose buyers have named a person's address.
SELECT id FROM tickets WHERE holder_contact = %(proven_email)s AND created_at <= %(asked_at)s LIMIT %(batch)s

-- name: list_transfers_sent_to_erase
-- A batch of the transfers that a person has started.
SELECT id FROM transfers WHERE from_account_id = %(account_id)s
UNION
SELECT id FROM transfers
WHERE from_email = %(proven_email)s AND from_account_id IS NULL AND created_at <= %(asked_at)s
LIMIT %(batch)s

-- name: list_transfers_received_to_erase
-- A batch of the transfers to a person.
SELECT id FROM transfers WHERE to_account_id = %(account_id)s
UNION
SELECT id FROM transfers
WHERE to_email = %(proven_email)s AND to_account_id IS NULL AND created_at <= %(asked_at)s
LIMIT %(batch)s

-- name: list_open_entries
-- The places of a person on waitlists.
SELECT id FROM waitlist_entries WHERE account_id = %(account_id)s AND status IN ('waiting', 'offered')
UNION
SELECT id FROM waitlist_entries
WHERE email = %(proven_email)s AND account_id IS NULL AND status IN ('waiting', 'offered')
    AND created_at <= %(asked_at)s
LIMIT %(batch)s

-- name: list_entries_to_erase
-- A batch of the waitlist entries of a person that have ended.
SELECT id FROM waitlist_entries WHERE account_id = %(account_id)s AND status NOT IN ('waiting', 'offered')
UNION
SELECT id FROM waitlist_entries
WHERE email = %(proven_email)s AND account_id IS NULL AND status NOT IN ('waiting', 'offered')
    AND created_at <= %(asked_at)s
LIMIT %(batch)s

-- name: list_customers_to_erase
-- A batch of what organisations know of a person as their customer.
SELECT id FROM customers
WHERE (account_id = %(account_id)s OR email = %(proven_email)s OR phone = %(phone)s) AND created_at <= %(asked_at)s
LIMIT %(batch)s

-- name: list_subscriptions_to_erase
-- A batch of the subscriptions of an address to newsletters.
SELECT id FROM newsletter_subscriptions
WHERE email = %(proven_email)s AND confirmed_at <= %(asked_at)s LIMIT %(batch)s

-- name: list_messages_to_erase
-- A batch of the messages to a person that are not to be sent any more. If the address is not proven to be theirs, what
-- still names it is somebody else's, and so are the messages about that.
SELECT id FROM outbox
WHERE recipient = ANY(array_remove(ARRAY[%(email)s, %(phone)s]::text[], NULL))
    AND status NOT IN ('pending', 'sending') AND (%(is_proven)s OR NOT still_names(payload, recipient))
LIMIT %(batch)s

-- name: has_something_left
-- True if something about a person is under way, so that it is erased later.
SELECT EXISTS (SELECT FROM orders WHERE account_id = %(account_id)s)
    OR EXISTS (
        SELECT FROM organisations JOIN orders ON organisation_id = organisations.id
        WHERE mailbox_of(buyer_email) = mailbox_of(%(proven_email)s) AND buyer_email = %(proven_email)s
            AND account_id IS NULL AND orders.created_at <= %(asked_at)s)
    OR EXISTS (
        SELECT FROM outbox WHERE recipient = ANY(array_remove(ARRAY[%(email)s, %(phone)s]::text[], NULL))
            AND (%(is_proven)s OR NOT still_names(payload, recipient)))

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

-- name: count_ahead
-- What a person would miss: valid tickets for events to come, and open claims.
WITH held AS (
    SELECT id FROM tickets WHERE account_id = %(account_id)s
    UNION
    SELECT tickets.id FROM organisations JOIN orders ON organisation_id = organisations.id
        JOIN tickets ON order_id = orders.id
    WHERE mailbox_of(buyer_email) = mailbox_of(%(proven_email)s) AND buyer_email = %(proven_email)s
        AND orders.account_id IS NULL AND holder_email IS NULL
    UNION
    SELECT tickets.id FROM transfers JOIN tickets ON tickets.id = ticket_id
    WHERE to_email = %(proven_email)s AND account_id IS NULL AND holder_email = %(proven_email)s
)
SELECT count(*)::integer AS tickets, min(starts_at) AS next_event_at, (
    SELECT count(*)::integer FROM customers JOIN claims ON customer_id = customers.id
    WHERE released_at IS NULL
        AND (account_id = %(account_id)s OR email = %(proven_email)s OR phone = %(phone)s)
) AS open_claims
FROM held JOIN tickets USING (id) JOIN events ON events.id = event_id
WHERE tickets.status = 'valid' AND events.status = 'published' AND ends_at > now()

-- name: export_account
SELECT id::text AS key, jsonb_build_object('id', id, 'email', email, 'email_verified_at', email_verified_at,
    'name', name, 'phone', phone, 'phone_verified_at', phone_verified_at, 'locale', locale,
    'has_password', password_hash IS NOT NULL, 'second_factor_since', second_factor_since,
    'google_subject', (SELECT subject FROM google_identities WHERE account_id = accounts.id LIMIT 1),
    'is_admin', is_admin, 'blocked_at', blocked_at, 'block_reason', block_reason, 'created_at', created_at) AS data
FROM accounts WHERE id = %(account_id)s AND id > %(after)s::uuid LIMIT %(limit)s + 1

-- name: export_sessions
SELECT id::text AS key, jsonb_build_object('id', id, 'device_name', device_name, 'user_agent', user_agent,
    'address', address, 'created_at', created_at, 'last_used_at', last_used_at, 'revoked_at', revoked_at) AS data
FROM sessions WHERE account_id = %(account_id)s AND id > %(after)s::uuid ORDER BY id LIMIT %(limit)s + 1

-- name: export_memberships
SELECT organisation_id::text AS key, jsonb_build_object('organisation_id', organisation_id, 'organisation', name,
    'role', role, 'created_at', members.created_at) AS data
FROM members JOIN organisations ON organisations.id = organisation_id
WHERE account_id = %(account_id)s AND organisation_id > %(after)s::uuid
ORDER BY organisation_id LIMIT %(limit)s + 1

-- name: export_invitations
SELECT invitations.id::text AS key, jsonb_build_object('id', invitations.id, 'organisation', name,
    'email', email, 'role', role, 'created_at', invitations.created_at, 'expires_at', expires_at) AS data
FROM invitations JOIN organisations ON organisations.id = organisation_id
WHERE email = %(proven_email)s AND invitations.id > %(after)s::uuid ORDER BY invitations.id LIMIT %(limit)s + 1

-- name: export_orders
-- Orders of the account, and those of a guest with this address at each organisation.
SELECT orders.id::text AS key, jsonb_build_object('id', orders.id, 'number', number, 'seller', organisations.name,
    'status', orders.status, 'buyer_name', buyer_name, 'buyer_email', buyer_email, 'buyer_phone', buyer_phone,
    'answers', details, 'currency', orders.currency, 'total', orders.total, 'created_at', orders.created_at,
    'voucher', (SELECT code FROM vouchers WHERE vouchers.id = voucher_id),
    'items', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('event', title, 'starts_at', starts_at,
            'ticket_type', ticket_types.name, 'quantity', item.quantity, 'total', item.total) ORDER BY item_no), '[]')
        FROM order_items AS item JOIN events ON events.id = item.event_id
            JOIN ticket_types ON ticket_types.id = ticket_type_id
        WHERE order_id = orders.id),
    'payments', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('provider', provider, 'provider_reference', provider_reference,
            'status', payments.status, 'amount', amount, 'created_at', payments.created_at) ORDER BY id), '[]')
        FROM payments WHERE order_id = orders.id),
    'refunds', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('amount', amount, 'kept', kept, 'reason', reason,
            'created_at', order_refunds.created_at) ORDER BY id), '[]')
        FROM order_refunds WHERE order_id = orders.id)) AS data
FROM (
    (SELECT id FROM orders WHERE account_id = %(account_id)s AND id > %(after)s::uuid ORDER BY id LIMIT %(limit)s + 1)
    UNION ALL
    (SELECT guest.id FROM organisations CROSS JOIN LATERAL (
        SELECT id FROM orders
        WHERE organisation_id = organisations.id AND mailbox_of(buyer_email) = mailbox_of(%(proven_email)s)
            AND buyer_email = %(proven_email)s AND account_id IS NULL AND id > %(after)s::uuid
        ORDER BY id LIMIT %(limit)s + 1
    ) AS guest)
) AS page JOIN orders USING (id) JOIN organisations ON organisations.id = organisation_id
ORDER BY orders.id LIMIT %(limit)s + 1

-- name: export_tickets
-- Tickets that the account holds, and those that a guest has bought, or got from somebody else. And those whose buyers
-- have named the person's address.
SELECT tickets.id::text AS key, jsonb_build_object('id', tickets.id, 'order_id', order_id, 'event', title,
    'starts_at', starts_at, 'ticket_type', ticket_types.name, 'holder_name', holder_name,
    'holder_email', holder_email, 'holder_contact', holder_contact, 'answers', coalesce(answers, '[]'), 'seat', seat,
    'status', tickets.status, 'created_at', tickets.created_at,
    'scans', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('at', at, 'outcome', outcome, 'gate', gate) ORDER BY at), '[]')
        FROM scans WHERE ticket_id = tickets.id)) AS data
FROM (
    SELECT id FROM tickets WHERE account_id = %(account_id)s
    UNION
    SELECT tickets.id FROM organisations JOIN orders ON organisation_id = organisations.id
        JOIN tickets ON order_id = orders.id
    WHERE mailbox_of(buyer_email) = mailbox_of(%(proven_email)s) AND buyer_email = %(proven_email)s
        AND orders.account_id IS NULL AND holder_email IS NULL
    UNION
    SELECT tickets.id FROM transfers JOIN tickets ON tickets.id = ticket_id
    WHERE to_email = %(proven_email)s AND account_id IS NULL AND holder_email = %(proven_email)s
    UNION
    SELECT id FROM tickets WHERE holder_contact = %(proven_email)s
) AS held JOIN tickets USING (id) JOIN events ON events.id = event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE tickets.id > %(after)s::uuid ORDER BY tickets.id LIMIT %(limit)s + 1

-- name: export_transfers
-- Transfers that the person has started or got. Who got one does not learn the address of who has sent it. Whose
-- address an order had before does not learn the next one.
SELECT id::text AS key, jsonb_build_object('id', id, 'ticket_id', ticket_id, 'status', status, 'from_name', from_name,
    'from_email', CASE WHEN from_account_id = %(account_id)s
        OR from_account_id IS NULL AND from_email = %(proven_email)s THEN from_email END,
    'to_name', CASE WHEN NOT with_order OR to_email = %(proven_email)s THEN to_name END,
    'to_email', CASE WHEN NOT with_order OR to_email = %(proven_email)s THEN to_email END,
    'created_at', created_at, 'expires_at', expires_at,
    'accepted_at', accepted_at) AS data
FROM transfers
WHERE id > %(after)s::uuid AND (from_account_id = %(account_id)s OR to_account_id = %(account_id)s
    OR from_email = %(proven_email)s AND from_account_id IS NULL
    OR to_email = %(proven_email)s AND to_account_id IS NULL)
ORDER BY id LIMIT %(limit)s + 1

-- name: export_waitlist_entries
SELECT entry.id::text AS key, jsonb_build_object('id', entry.id, 'event', title, 'ticket_type', ticket_types.name,
    'name', entry.name, 'email', email, 'quantity', quantity, 'status', entry.status,
    'in_line_since', in_line_since, 'created_at', entry.created_at) AS data
FROM waitlist_entries AS entry JOIN events ON events.id = entry.event_id
    JOIN ticket_types ON ticket_types.id = ticket_type_id
WHERE entry.id > %(after)s::uuid
    AND (account_id = %(account_id)s OR email = %(proven_email)s AND account_id IS NULL)
ORDER BY entry.id LIMIT %(limit)s + 1

-- name: export_newsletter_subscriptions
-- Subscriptions to the newsletters of organisations, and to that of the platform, which has no name here.
SELECT subscription.id::text AS key, jsonb_build_object('id', subscription.id, 'organisation', name, 'email', email,
    'consent_version', consent_version, 'locale', subscription.locale, 'confirmed_at', confirmed_at) AS data
FROM newsletter_subscriptions AS subscription LEFT JOIN organisations ON organisations.id = organisation_id
WHERE email = %(proven_email)s AND subscription.id > %(after)s::uuid ORDER BY subscription.id LIMIT %(limit)s + 1

-- name: export_claims
SELECT claims.id::text AS key, jsonb_build_object('id', claims.id, 'seller', organisations.name,
    'place', places.name, 'slot', slot, 'name', customers.name, 'email', email, 'phone', phone, 'note', note,
    'claimed_at', claimed_at, 'released_at', released_at) AS data
FROM customers JOIN claims ON customer_id = customers.id JOIN places ON places.id = place_id
    JOIN organisations ON organisations.id = places.organisation_id
WHERE claims.id > %(after)s::uuid
    AND (account_id = %(account_id)s OR email = %(proven_email)s OR phone = %(phone)s)
ORDER BY claims.id LIMIT %(limit)s + 1

-- name: export_scans
-- Scans that the person made at the door.
SELECT scans.id::text AS key, jsonb_build_object('id', scans.id, 'event', title, 'ticket_id', ticket_id,
    'outcome', outcome, 'gate', gate, 'device_id', device_id, 'at', at) AS data
FROM scans JOIN events ON events.id = event_id
WHERE scanned_by = %(account_id)s AND scans.id > %(after)s::uuid ORDER BY scans.id LIMIT %(limit)s + 1

-- name: export_messages
-- Messages to the person, without the links in them.
SELECT id::text AS key, jsonb_build_object('id', id, 'kind', kind, 'template', template, 'recipient', recipient,
    'status', status, 'feedback', feedback, 'created_at', created_at, 'sent_at', sent_at) AS data
FROM outbox
WHERE recipient = ANY(array_remove(ARRAY[%(proven_email)s, %(phone)s]::text[], NULL)) AND id > %(after)s::uuid
ORDER BY id LIMIT %(limit)s + 1

-- name: export_suppressed_addresses
SELECT id::text AS key, jsonb_build_object('address', address, 'reason', reason, 'detail', detail,
    'suppressed_at', suppressed_at, 'lifted_at', lifted_at) AS data
FROM suppressed_addresses WHERE address = %(proven_email)s AND id > %(after)s::uuid ORDER BY id LIMIT %(limit)s + 1

-- name: export_audit_entries
-- What the account did, and what was done to it, the oldest first. The values that are about it come in the clear.
SELECT concat_ws('|', at, chain, entry) AS key, jsonb_build_object('at', at, 'actor_id', actor_id, 'action', action,
    'subject', subject, 'details', details, 'personal', (
        SELECT coalesce(jsonb_object_agg(encode(digest, 'hex'), value), '{}') FROM audit_values
        WHERE audit_values.chain = audit_log.chain AND audit_values.entry = audit_log.entry
            AND audit_values.account_id = %(account_id)s)) AS data
FROM audit_log
WHERE (actor_id = %(account_id)s OR subject = concat('account ', %(account_id)s::uuid))
    AND (at, chain, entry) > (split_part(%(after)s, '|', 1)::timestamptz, split_part(%(after)s, '|', 2)::uuid,
        split_part(%(after)s, '|', 3)::bigint)
ORDER BY at, chain, entry LIMIT %(limit)s + 1
