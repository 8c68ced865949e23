-- Statements at the door.

-- name: lock_and_scan_ticket
-- Locks a ticket, decides the outcome of its scan, and writes all of it: the whole scan is one round trip.
-- The lock shows the ticket as the winner of a race left it, so the loser learns when and where it was used.
-- The clock is read under the lock, so that the times of scans follow the order of locks.
-- Returns no row if the scanner does not work for the ticket's organisation.
-- A sequence that the device has used before returns the outcome that it had then, if ticket, QR and gate are the same.
-- A text that is not the ticket's QR is forged, whatever its sequence. An unknown gate is the device's fault, and so is
-- not stored. Without a QR (the guest list) the ticket's id is enough.
WITH locked AS MATERIALIZED (
    SELECT * FROM tickets WHERE id = %(ticket_id)s
        AND (organisation_id = %(acts_for)s OR works_for(%(account_id)s, organisation_id))
    FOR NO KEY UPDATE
), decided AS MATERIALIZED (
    SELECT locked.*, ticket_types.name AS ticket_type_name, title AS event_title, time_zone, starts_at, doors_open_at,
        gates, form, coalesce(here.gate ->> 'name', %(gate)s) AS gate, earlier.id AS earlier_id,
        clock_timestamp() AS scanned_at, CASE
        WHEN locked.qr_hash <> %(qr_hash)s AND array_position(former_hashes, %(qr_hash)s) IS NULL AND NOT EXISTS (
            SELECT FROM unnest(replaced_qrs) AS replaced WHERE replaced.qr_hash = %(qr_hash)s) THEN 'forged'
        WHEN earlier.id IS NOT NULL AND (earlier.ticket_id, earlier.qr_hash, earlier.gate)
            IS DISTINCT FROM (locked.id, %(qr_hash)s::bytea, coalesce(here.gate ->> 'name', %(gate)s))
            THEN 'sequence_reused'
        WHEN earlier.id IS NOT NULL THEN earlier.outcome::text
        WHEN %(qr_hash)s = ANY(former_hashes) THEN 'transferred'
        WHEN locked.qr_hash <> %(qr_hash)s AND %(qr_transfer_count)s::integer < locked.transfer_count
            THEN 'transferred'
        WHEN %(is_withdrawn)s THEN 'withdrawn'
        WHEN locked.event_id <> ALL(%(event_ids)s::uuid[]) THEN 'wrong_event'
        WHEN gates <> '[]' AND %(gate)s::text IS NOT NULL AND here.gate IS NULL THEN 'unknown_gate'
        WHEN locked.status = 'refunded' THEN 'refunded'
        WHEN disputed AND %(block_disputed)s THEN 'disputed'
        WHEN entries >= locked.max_entries THEN 'already_scanned'
        WHEN events.status = 'cancelled' THEN 'event_cancelled'
        WHEN now() >= ends_at + interval '12 hours' THEN 'event_over'
        WHEN now() < doors_open_at THEN 'not_yet'
        WHEN NOT lets_in(here.gate, ticket_type_id) THEN 'wrong_gate'
        ELSE 'admitted' END AS outcome
    FROM locked JOIN events ON events.id = locked.event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
    LEFT JOIN LATERAL jsonb_array_elements(gates) AS here (gate) ON here.gate ->> 'key' = %(gate_key)s
    LEFT JOIN scans AS earlier ON earlier.event_id = locked.event_id AND earlier.device_id = %(device_id)s
        AND earlier.sequence = %(sequence)s
), updated_ticket AS (
    UPDATE tickets SET entries = tickets.entries + 1,
        first_scan_at = coalesce(tickets.first_scan_at, scanned_at),
        first_scan_gate = CASE WHEN tickets.first_scan_at IS NULL THEN gate ELSE tickets.first_scan_gate END
    FROM decided WHERE tickets.id = decided.id AND outcome = 'admitted' AND earlier_id IS NULL
), inserted_scan AS (
    INSERT INTO scans (id, ticket_id, event_id, outcome, let_in, transfer_count, qr_hash, gate, device_id, sequence,
        scanned_by, at)
    SELECT %(scan_id)s, id, event_id, outcome, outcome = 'admitted', transfer_count, %(qr_hash)s, gate, %(device_id)s,
        %(sequence)s, %(actor_id)s, scanned_at
    FROM decided WHERE earlier_id IS NULL AND outcome <> 'unknown_gate'
), owed_webhooks AS (
    INSERT INTO webhook_deliveries (id, endpoint_id, organisation_id, type, body)
    SELECT uuidv7(), endpoint.id, endpoint.organisation_id, 'ticket.scanned', webhook_body(
        'ticket.scanned', jsonb_build_object(
            'scan_id', %(scan_id)s::uuid, 'ticket_id', decided.id, 'order_id', order_id, 'event_id', event_id,
            'ticket_type_id', ticket_type_id, 'entry', entries + 1, 'gate', gate,
            'device_id', %(device_id)s::text, 'scanned_at', rfc_3339(scanned_at), 'offline', false))
    FROM decided JOIN webhook_endpoints AS endpoint ON endpoint.organisation_id = decided.organisation_id
    WHERE outcome = 'admitted' AND earlier_id IS NULL AND listens(endpoint, 'ticket.scanned')
)
SELECT outcome, coalesce(earlier_id, %(scan_id)s) AS scan_id, id AS ticket_id, event_id, ticket_type_name, holder_name,
    seat, group_size, entries + (outcome = 'admitted' AND earlier_id IS NULL)::integer AS entries, max_entries,
    first_scan_at, first_scan_gate, event_title, starts_at, doors_open_at, time_zone, gate, ARRAY(
        SELECT each ->> 'name' FROM jsonb_array_elements(gates) WITH ORDINALITY AS listed (each, gate_no)
        WHERE outcome IN ('unknown_gate', 'wrong_gate')
            AND (outcome = 'unknown_gate' OR lets_in(each, ticket_type_id))
        ORDER BY gate_no
    ) AS gates,
    CASE WHEN form IS NULL OR outcome <> 'admitted' THEN '[]' ELSE answers_at_door(form, coalesce((
        SELECT details #> ARRAY['answers', event_id::text] FROM orders WHERE id = order_id AND holder_email IS NULL
    ), '[]') || coalesce(answers, '[]')) END AS answers
FROM decided

-- name: is_paired
-- True if a device has a door pass, or has had one.
SELECT EXISTS (SELECT FROM door_devices WHERE id = %(device_id)s)

-- name: lock_scan
-- Locks a scan's ticket.
SELECT ticket_id, organisation_id, let_in FROM scans JOIN tickets ON tickets.id = ticket_id
WHERE scans.id = %(id)s FOR NO KEY UPDATE OF tickets

-- name: undo_scan
-- Changes no row if the scan was undone before. `recount_scans` must follow.
UPDATE scans SET outcome = 'undone', undone_at = now(), undone_by = %(actor_id)s
WHERE id = %(id)s AND outcome <> 'undone'

-- name: lock_and_insert_scans
-- Locks the tickets that a device has scanned offline, and stores the scans. `recount_scans` must follow: it decides
-- which scans count. Its snapshot includes scans that others made while this statement waited for its locks.
-- Returns for each scan why it is refused, or the webhook to owe if the entry is new.
-- A scan that was refused online becomes a new entry if the device let the holder in all the same.
WITH sent AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(ticket_ids)s::uuid[], %(qr_hashes)s::bytea[], %(sequences)s::bigint[],
        %(gates)s::text[], %(device_times)s::timestamptz[], %(times)s::timestamptz[])
        AS sent (id, ticket_id, qr_hash, sequence, gate, device_time, corrected_time)
), locked AS MATERIALIZED (
    SELECT * FROM tickets WHERE id = ANY(%(ticket_ids)s::uuid[]) AND organisation_id = %(organisation_id)s
    ORDER BY id FOR NO KEY UPDATE
), matched AS MATERIALIZED (
    SELECT sent.*, event_id, order_id, ticket_type_id,
        corrected_time < greatest(created_at, %(earliest)s::timestamptz) AS time_unknown,
        CASE WHEN sent.qr_hash = locked.qr_hash THEN transfer_count
        ELSE coalesce(array_position(former_hashes, sent.qr_hash) - 1, (
            SELECT replaced.transfer_count FROM unnest(replaced_qrs) AS replaced WHERE replaced.qr_hash = sent.qr_hash
        )) END AS transfer_count
    FROM sent LEFT JOIN locked ON locked.id = ticket_id
), inserted AS (
    INSERT INTO scans (id, ticket_id, event_id, outcome, let_in, transfer_count, qr_hash, gate, device_id, sequence,
        scanned_by, at, device_time, skew_ms, time_unknown)
    SELECT id, ticket_id, event_id, 'admitted', true, transfer_count, qr_hash, gate, %(device_id)s, sequence,
        %(actor_id)s, CASE WHEN time_unknown THEN %(received_at)s ELSE corrected_time END, device_time, %(skew_ms)s,
        time_unknown
    FROM matched WHERE event_id = %(event_id)s AND transfer_count IS NOT NULL ORDER BY sequence
    ON CONFLICT (event_id, device_id, sequence) WHERE sequence IS NOT NULL
    DO UPDATE SET let_in = true, transfer_count = excluded.transfer_count
        WHERE NOT scans.let_in AND (scans.ticket_id, scans.qr_hash) = (excluded.ticket_id, excluded.qr_hash)
            AND scans.gate IS NOT DISTINCT FROM excluded.gate
    RETURNING scans.id, scans.sequence, scans.gate, scans.at
)
SELECT matched.sequence, ticket_id, qr_hash, matched.gate,
    CASE WHEN transfer_count IS NULL THEN 'forged' WHEN event_id <> %(event_id)s THEN 'wrong_event' END AS refusal,
    CASE WHEN inserted.id IS NOT NULL THEN jsonb_build_object(
        'scan_id', inserted.id, 'ticket_id', ticket_id, 'order_id', order_id, 'event_id', event_id,
        'ticket_type_id', ticket_type_id, 'entry', NULL, 'gate', inserted.gate, 'device_id', %(device_id)s::text,
        'scanned_at', rfc_3339(inserted.at), 'offline', true) END AS webhook
FROM matched LEFT JOIN inserted ON inserted.sequence = matched.sequence ORDER BY matched.sequence

-- name: recount_scans
-- Decides again which scans of some locked tickets count, of all that let somebody in (decision 31).
-- The result depends on the scans, the refund and the transfers alone, and not on the order of reports. Scans whose
-- time is unknown come after all others, in an order that does not depend on when they were reported.
WITH entries AS MATERIALIZED (
    SELECT scans.*, max_entries, refunded_at, CASE
        WHEN outcome = 'undone' THEN 'undone'
        WHEN at >= refunded_at THEN 'refunded'
        WHEN EXISTS (
            SELECT FROM transfers WHERE transfers.ticket_id = scans.ticket_id
                AND transfers.transfer_count = scans.transfer_count + 1 AND accepted_at <= at
        ) THEN 'transferred' END AS invalid_reason
    FROM scans JOIN tickets ON tickets.id = ticket_id
    WHERE ticket_id = ANY(%(ticket_ids)s::uuid[]) AND let_in
), ordered AS (
    SELECT *, row_number() OVER (
        PARTITION BY ticket_id, invalid_reason IS NULL
        ORDER BY CASE WHEN time_unknown THEN 'infinity' ELSE at END, device_id COLLATE "C", sequence, id
    ) AS entry_no FROM entries
), recounted AS MATERIALIZED (
    SELECT *, CASE WHEN invalid_reason IS NOT NULL THEN invalid_reason
        WHEN entry_no <= max_entries THEN 'admitted'
        ELSE 'already_scanned' END AS new_outcome
    FROM ordered
), updated_scans AS (
    UPDATE scans SET outcome = new_outcome FROM recounted
    WHERE scans.id = recounted.id AND scans.outcome <> new_outcome
), counted AS (
    SELECT ticket_id, count(*) AS entries, min(at) AS first_scan_at,
        (array_agg(gate ORDER BY at, entry_no))[1] AS first_scan_gate
    FROM recounted WHERE new_outcome = 'admitted' GROUP BY ticket_id
), updated_tickets AS (
    UPDATE tickets SET entries = coalesce(counted.entries, 0), first_scan_at = counted.first_scan_at,
        first_scan_gate = counted.first_scan_gate
    FROM unnest(%(ticket_ids)s::uuid[]) AS recounted_tickets (id) LEFT JOIN counted ON ticket_id = recounted_tickets.id
    WHERE tickets.id = recounted_tickets.id AND (tickets.entries, tickets.first_scan_at, tickets.first_scan_gate)
        IS DISTINCT FROM (coalesce(counted.entries, 0), counted.first_scan_at, counted.first_scan_gate)
)
SELECT id AS scan_id, ticket_id, qr_hash, new_outcome AS outcome, device_id, sequence, gate, at, time_unknown,
    refunded_at
FROM recounted ORDER BY ticket_id, at, entry_no

-- name: get_scan
-- A scan that let somebody in and was undone, so it has no first scan that counts before it.
SELECT scans.id, ticket_id, scans.event_id, ticket_types.name AS ticket_type_name, holder_name, outcome, let_in,
    NULL::jsonb AS first_scan, gate, device_id, sequence, to_jsonb(scanner) AS scanned_by, at, device_time, skew_ms,
    time_unknown, received_at, undone_at, to_jsonb(undoer) AS undone_by
FROM scans JOIN tickets ON tickets.id = ticket_id JOIN ticket_types ON ticket_types.id = ticket_type_id
    LEFT JOIN actors AS scanner ON scanner.id = scanned_by LEFT JOIN actors AS undoer ON undoer.id = undone_by
WHERE scans.id = %(id)s

-- name: list_scans
-- The scans of an event, latest first. Planned at each call: so a filter that is not used costs nothing.
SELECT scans.id, ticket_id, scans.event_id, ticket_types.name AS ticket_type_name, holder_name, outcome, let_in,
    CASE outcome WHEN 'already_scanned' THEN (
        SELECT to_jsonb(first_scan) FROM (
            SELECT id AS scan_id, device_id, gate, at FROM scans AS others
            WHERE others.ticket_id = scans.ticket_id AND outcome = 'admitted'
            ORDER BY at, device_id COLLATE "C", sequence, id LIMIT 1
        ) AS first_scan
    ) END AS first_scan,
    gate, device_id, sequence, to_jsonb(scanner) AS scanned_by, at, device_time, skew_ms, time_unknown, received_at,
    undone_at, to_jsonb(undoer) AS undone_by
FROM scans JOIN tickets ON tickets.id = ticket_id JOIN ticket_types ON ticket_types.id = ticket_type_id
    LEFT JOIN actors AS scanner ON scanner.id = scanned_by LEFT JOIN actors AS undoer ON undoer.id = undone_by
WHERE scans.event_id = %(event_id)s AND (at, scans.id) < (%(before)s, %(before_id)s)
    AND (NOT %(only_conflicts)s OR let_in AND outcome NOT IN ('admitted', 'undone'))
    AND (%(gate)s::text IS NULL OR gate = %(gate)s)
    AND (%(ticket_id)s::uuid IS NULL OR ticket_id = %(ticket_id)s)
ORDER BY at DESC, scans.id DESC LIMIT %(limit)s + 1

-- name: get_event_at_door
-- Read this before the tickets. A change committed between the two is then read twice, but never missed.
SELECT id AS event_id, organisation_id, title, time_zone, status, doors_open_at, starts_at, ends_at, gates,
    (SELECT coalesce(jsonb_agg(types ORDER BY ticket_type_id), '[]') FROM (
        SELECT ticket_types.id AS ticket_type_id, name, max_entries FROM ticket_types
        WHERE event_id = events.id AND ticket_types.deleted_at IS NULL
    ) AS types) AS ticket_types,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_open_xid,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid
FROM events WHERE id = %(event_id)s AND deleted_at IS NULL

-- name: has_changed
-- True if a ticket of the event has changed in this transaction or later.
SELECT EXISTS (SELECT FROM tickets WHERE event_id = %(event_id)s AND changed_in >= %(since)s::text::xid8)

-- name: list_changed_tickets
-- The tickets of an event in the order of their changes.
SELECT id, ticket_type_id, key_id, transfer_count, substring(qr_hash FOR 16) AS qr_hash, former_hashes,
    CASE WHEN replaced_qrs IS NOT NULL THEN (
        SELECT jsonb_agg(jsonb_build_object('qr_hash', encode(substring(replaced.qr_hash FOR 16), 'hex'),
            'key_id', replaced.key_id, 'transfer_count', replaced.transfer_count)) FROM unnest(replaced_qrs) AS replaced
    ) END AS replaced_qrs,
    CASE WHEN status = 'refunded' THEN -1 WHEN disputed AND %(block_disputed)s THEN -3
        ELSE max_entries - entries END AS entries_left, group_size,
    changed_in::text::bigint AS changed_in
FROM tickets WHERE event_id = %(event_id)s AND (changed_in, id) > (%(after)s::text::xid8, %(after_id)s)
ORDER BY tickets.changed_in, id LIMIT %(limit)s + 1

-- name: search_guests
-- The tickets of an event that a text finds, or an order number in it. All that it finds is read first, from the index.
-- Otherwise the planner may expect many and read ticket after ticket.
WITH found AS MATERIALIZED (
    SELECT ticket_id FROM guest_list
    WHERE event_id = %(event_id)s
        AND (words @@ guest_query(%(event_id)s, %(wanted)s) OR words @@ guest_query(%(event_id)s, %(order_number)s))
), page AS MATERIALIZED (
    SELECT ticket_id FROM found WHERE ticket_id > %(after)s ORDER BY ticket_id LIMIT %(limit)s + 1
)
SELECT ticket_id, number AS order_number, ticket_type_id, ticket_types.name AS ticket_type_name, holder_name,
    coalesce(holder_email, holder_contact, buyer_email) AS holder_email, buyer_name, seat, group_size,
    answers_at_door(form, CASE WHEN holder_email IS NULL
        THEN coalesce(details #> ARRAY['answers', tickets.event_id::text], '[]') ELSE '[]' END
        || coalesce(answers, '[]')) AS answers,
    CASE WHEN tickets.status = 'refunded' THEN 'refunded' WHEN disputed AND %(block_disputed)s THEN 'disputed'
        WHEN entries >= tickets.max_entries THEN 'used' ELSE 'valid' END AS state,
    entries, tickets.max_entries, first_scan_at, first_scan_gate
FROM page JOIN tickets ON tickets.id = ticket_id JOIN orders ON orders.id = order_id
    JOIN events ON events.id = tickets.event_id JOIN ticket_types ON ticket_types.id = ticket_type_id
ORDER BY ticket_id

-- name: get_attendance
-- Counts tickets and scans from their indexes alone. Scans are grouped by gate and minute first, then by either.
SELECT organisation_id,
    (SELECT count(*) FROM scans
        WHERE event_id = events.id AND let_in AND outcome NOT IN ('admitted', 'undone')) AS conflicts,
    (SELECT coalesce(jsonb_agg(types ORDER BY ticket_type_id), '[]') FROM (
        SELECT id AS ticket_type_id, name, coalesce(valid_tickets, 0) AS valid_tickets,
            coalesce(used_tickets, 0) AS used_tickets, coalesce(entries, 0) AS entries, coalesce(people, 0) AS people
        FROM ticket_types LEFT JOIN (
            SELECT ticket_type_id, count(*) FILTER (WHERE status = 'valid') AS valid_tickets,
                count(*) FILTER (WHERE entries > 0) AS used_tickets, sum(entries) AS entries,
                sum(group_size) FILTER (WHERE entries > 0) AS people
            FROM tickets WHERE event_id = %(event_id)s GROUP BY ticket_type_id
        ) AS counted ON ticket_type_id = id
        WHERE ticket_types.event_id = events.id AND ticket_types.deleted_at IS NULL
    ) AS types) AS ticket_types,
    arrivals.gates, minutes
FROM events CROSS JOIN LATERAL (
    SELECT
        coalesce(jsonb_agg(jsonb_build_object('gate', gate, 'entries', entries) ORDER BY gate)
            FILTER (WHERE minute IS NULL), '[]') AS gates,
        coalesce(jsonb_agg(jsonb_build_object('minute', minute, 'entries', entries) ORDER BY minute)
            FILTER (WHERE minute > now() - interval '1 day'), '[]') AS minutes
    FROM (
        SELECT gate, minute, sum(entries) AS entries FROM (
            SELECT gate, date_trunc('minute', at) AS minute, count(*) AS entries FROM scans
            WHERE event_id = %(event_id)s AND outcome = 'admitted' GROUP BY gate, date_trunc('minute', at)
        ) AS by_gate_and_minute GROUP BY GROUPING SETS (gate, minute)
    ) AS by_gate_or_minute
) AS arrivals
WHERE id = %(event_id)s AND deleted_at IS NULL
