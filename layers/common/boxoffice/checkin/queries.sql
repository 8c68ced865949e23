-- Statements at the door.

-- name: lock_and_scan_ticket
-- The whole scan in one statement: who scans, lock, decision, record. The lock gives the ticket as the winner of a race left
-- it, so the loser learns when and where it was used. Nothing comes back if the ticket is not of an organisation of theirs.
WITH found AS MATERIALIZED (
    SELECT tickets.* FROM tickets JOIN members ON members.organisation_id = tickets.organisation_id
    WHERE id = %(ticket_id)s AND members.account_id = %(account_id)s
    FOR NO KEY UPDATE OF tickets
), decided AS MATERIALIZED (
    SELECT *, CASE
        WHEN %(qr_hash)s = ANY(former_hashes) THEN 'transferred'
        WHEN qr_hash <> %(qr_hash)s THEN 'forged'
        WHEN event_id <> coalesce(%(event_id)s, event_id) THEN 'wrong_event'
        WHEN status = 'refunded' THEN 'refunded'
        WHEN entries >= max_entries THEN 'already_scanned'
        ELSE 'admitted' END AS outcome
    FROM found
), admitted AS (
    UPDATE tickets SET entries = tickets.entries + 1,
        first_scan_at = coalesce(tickets.first_scan_at, now()),
        first_scan_gate = CASE WHEN tickets.first_scan_at IS NULL THEN %(gate)s ELSE tickets.first_scan_gate END
    FROM decided WHERE tickets.id = decided.id AND outcome = 'admitted'
), recorded AS (
    INSERT INTO scans (id, ticket_id, event_id, outcome, gate, device_id, scanned_by)
    SELECT %(scan_id)s, id, event_id, outcome, %(gate)s, %(device_id)s, %(account_id)s FROM decided
)
SELECT outcome, %(scan_id)s::uuid AS scan_id, decided.id AS ticket_id, decided.event_id, name AS ticket_type_name,
    holder_name, admits, entries + (outcome = 'admitted')::integer AS entries, decided.max_entries, first_scan_at,
    first_scan_gate
FROM decided JOIN ticket_types ON ticket_types.id = ticket_type_id

-- name: get_attendance
SELECT organisation_id,
    (SELECT coalesce(jsonb_agg(counted ORDER BY ticket_type_id), '[]') FROM (
        SELECT ticket_types.id AS ticket_type_id, name, count(tickets.id) AS issued,
            count(*) FILTER (WHERE entries > 0) AS admitted, coalesce(sum(entries), 0) AS entries
        FROM ticket_types
            LEFT JOIN tickets ON tickets.event_id = ticket_types.event_id AND ticket_type_id = ticket_types.id
                AND tickets.status = 'valid'
        WHERE ticket_types.event_id = events.id AND ticket_types.deleted_at IS NULL GROUP BY ticket_types.id
    ) AS counted) AS ticket_types,
    (SELECT coalesce(jsonb_agg(counted ORDER BY gate), '[]') FROM (
        SELECT gate, count(*) AS entries FROM scans
        WHERE scans.event_id = events.id AND outcome = 'admitted' GROUP BY gate
    ) AS counted) AS gates
FROM events WHERE id = %(event_id)s AND deleted_at IS NULL
