-- Statements on vouchers. Orders take redemptions from a voucher's pool and give them back, as they do with stock.

-- name: list_by_code
-- The vouchers of some events that have this code. An event has one at the most.
SELECT vouchers.id, event_id, pool_id, row_count AS pool_rows, code, discount_kind, discount_value, valid_from,
    valid_until, max_per_buyer, max_tickets_per_redemption, unlocks_hidden, ticket_type_ids
FROM vouchers JOIN stock_pools ON stock_pools.id = pool_id
WHERE event_id = ANY(%(event_ids)s) AND code = %(code)s AND deleted_at IS NULL

-- name: get_event
-- The organisation of an event.
SELECT organisation_id FROM events WHERE id = %(event_id)s AND deleted_at IS NULL

-- name: lock_event
-- An event, before it gets a voucher. Its currency cannot change until the commit.
SELECT organisation_id, status, currency FROM events WHERE id = %(event_id)s AND deleted_at IS NULL FOR SHARE

-- name: lock_event_of_voucher
-- The event of a voucher, before the voucher changes. Its currency cannot change until the commit.
SELECT id FROM events WHERE id = (SELECT event_id FROM vouchers WHERE id = %(voucher_id)s) FOR SHARE

-- name: count_ticket_types
-- How many of some ticket types belong to an event.
SELECT count(*) FROM ticket_types
WHERE id = ANY(%(ticket_type_ids)s) AND event_id = %(event_id)s AND deleted_at IS NULL

-- name: insert_voucher
-- A new voucher, with a pool that was made before.
INSERT INTO vouchers (id, event_id, pool_id, code, discount_kind, discount_value, valid_from, valid_until,
    max_redemptions, max_per_buyer, max_tickets_per_redemption, unlocks_hidden, ticket_type_ids)
VALUES (%(id)s, %(event_id)s, %(pool_id)s, %(code)s, %(discount_kind)s, %(discount_value)s, %(valid_from)s,
    %(valid_until)s, %(max_redemptions)s, %(max_per_buyer)s, %(max_tickets_per_redemption)s,
    %(unlocks_hidden)s, %(ticket_type_ids)s)

-- name: get_voucher
-- A voucher as managers see it.
SELECT vouchers.id, event_id, pool_id, row_count AS pool_rows, code, discount_kind, discount_value, valid_from,
    valid_until, max_redemptions, max_per_buyer, max_tickets_per_redemption, unlocks_hidden, ticket_type_ids,
    vouchers.version, vouchers.created_at, organisation_id, currency, status AS event_status,
    (SELECT sum(held + sold)::integer FROM stock WHERE stock.pool_id = vouchers.pool_id) AS redemptions
FROM vouchers JOIN events ON events.id = event_id JOIN stock_pools ON stock_pools.id = pool_id
WHERE vouchers.id = %(id)s AND vouchers.deleted_at IS NULL

-- name: lock_voucher
-- Lock a voucher until the transaction ends.
SELECT id FROM vouchers WHERE id = %(id)s FOR NO KEY UPDATE

-- name: list_vouchers
-- An event's vouchers as managers see them, newest first. Redemptions are counted for one page alone.
SELECT id, event_id, pool_id, pool_rows, code, discount_kind, discount_value, valid_from, valid_until, max_redemptions,
    max_per_buyer, max_tickets_per_redemption, unlocks_hidden, ticket_type_ids, version, created_at, organisation_id,
    currency, event_status,
    (SELECT sum(held + sold)::integer FROM stock WHERE stock.pool_id = page.pool_id) AS redemptions
FROM (
    SELECT vouchers.*, organisation_id, currency, status AS event_status, row_count AS pool_rows
    FROM vouchers JOIN events ON events.id = event_id JOIN stock_pools ON stock_pools.id = pool_id
    WHERE event_id = %(event_id)s AND vouchers.id < %(before)s AND vouchers.deleted_at IS NULL
    ORDER BY vouchers.id DESC LIMIT %(limit)s + 1
) AS page ORDER BY id DESC

-- name: update_voucher
-- All fields that managers can change, as they are after the change.
UPDATE vouchers SET code = %(code)s, discount_kind = %(discount_kind)s, discount_value = %(discount_value)s,
    valid_from = %(valid_from)s, valid_until = %(valid_until)s, max_redemptions = %(max_redemptions)s,
    max_per_buyer = %(max_per_buyer)s, max_tickets_per_redemption = %(max_tickets_per_redemption)s,
    unlocks_hidden = %(unlocks_hidden)s, ticket_type_ids = %(ticket_type_ids)s, version = version + 1
WHERE id = %(id)s

-- name: delete_voucher
-- A deleted voucher keeps its row, since orders refer to it.
UPDATE vouchers SET deleted_at = now(), version = version + 1 WHERE id = %(id)s
