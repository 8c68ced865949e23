-- Statements on seats. Whoever calls one that changes seats has locked stock of their ticket type before, and then locks
-- the rows of seats in the order of their ticket types and ranks.

-- name: lock_map
SELECT id, rank, section, name FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s ORDER BY rank FOR NO KEY UPDATE

-- name: save_rows
INSERT INTO seat_rows (id, ticket_type_id, rank, section, name, longest_free)
SELECT id, %(ticket_type_id)s, rank, section, name, 0
FROM unnest(%(ids)s::uuid[], %(ranks)s::integer[], %(sections)s::text[], %(names)s::text[])
    AS row (id, rank, section, name)
ON CONFLICT ON CONSTRAINT seat_rows_name DO UPDATE SET rank = excluded.rank

-- name: remove_seats
-- Takes away what the rows no longer have, and answers which of it was not free.
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(%(row_ids)s::uuid[], %(numbers)s::text[]) AS wanted (row_id, number)
), removed AS (
    DELETE FROM seats WHERE row_id = ANY(%(rows)s)
        AND NOT EXISTS (SELECT FROM wanted WHERE wanted.row_id = seats.row_id AND wanted.number = seats.number)
    RETURNING label, owner_id
)
SELECT label FROM removed WHERE owner_id IS NOT NULL ORDER BY label LIMIT 10

-- name: save_seats
-- Seats that exist keep their id and their owner. One of another ticket type is left alone: the count tells.
INSERT INTO seats (id, row_id, event_id, section, row_name, position, number)
SELECT seat.id, row_id, %(event_id)s, section, name, position, number
FROM unnest(%(ids)s::uuid[], %(row_ids)s::uuid[], %(positions)s::smallint[], %(numbers)s::text[])
    AS seat (id, row_id, position, number) JOIN seat_rows ON seat_rows.id = row_id
ON CONFLICT ON CONSTRAINT seats_once_an_event DO UPDATE SET position = excluded.position
WHERE seats.row_id = excluded.row_id

-- name: remove_rows
DELETE FROM seat_rows WHERE id = ANY(%(ids)s)

-- name: get_size
SELECT count(DISTINCT row_id)::integer AS rows, count(*)::integer AS seats
FROM seats JOIN seat_rows ON seat_rows.id = row_id WHERE ticket_type_id = %(ticket_type_id)s

-- name: list_rows
-- A page of the map, in whole rows. The first row is always part of it.
SELECT rank, page.section, name AS row, array_agg(seats.id ORDER BY position) AS seat_ids,
    array_agg(number ORDER BY position) AS numbers, array_agg(position ORDER BY position) AS positions,
    string_agg(CASE WHEN owner_id IS NULL THEN 'f' WHEN sold THEN 's' ELSE 'h' END, '' ORDER BY position) AS states
FROM (
    SELECT * FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND rank > %(after)s
    ORDER BY rank LIMIT %(rows)s + 1
) AS page JOIN seats ON row_id = page.id
GROUP BY rank, page.section, name ORDER BY rank

-- name: list_seats_of_owners
SELECT id FROM seats WHERE owner_id = ANY(%(owner_ids)s)

-- name: list_seats_of_tickets
-- A ticket has the seat of its position, or all of its item's if it is for the whole group; unless it gave it back.
SELECT seats.id FROM tickets JOIN order_items USING (order_id, item_no)
CROSS JOIN unnest(CASE WHEN is_group THEN seat_ids ELSE seat_ids[tickets.position:tickets.position] END) AS seat_id
JOIN seats ON seats.id = seat_id AND owner_id = tickets.order_id
WHERE tickets.id = ANY(%(ticket_ids)s)

-- name: list_seats_of_order
-- What an order once took, item by item.
SELECT ticket_type_id, seat_ids FROM order_items WHERE order_id = %(order_id)s AND seat_ids IS NOT NULL
ORDER BY ticket_type_id

-- name: count_seats
-- How many of these are seats of the ticket type at all.
SELECT count(*) FROM seats JOIN seat_rows ON seat_rows.id = row_id
WHERE seats.id = ANY(%(seat_ids)s) AND ticket_type_id = %(ticket_type_id)s

-- name: list_taken
-- Of seats that are named, those that somebody has.
SELECT id FROM seats WHERE id = ANY(%(seat_ids)s) AND owner_id IS NOT NULL

-- name: lock_rows_of_seats
SELECT id FROM seat_rows WHERE id IN (SELECT row_id FROM seats WHERE id = ANY(%(seat_ids)s))
ORDER BY ticket_type_id, rank FOR NO KEY UPDATE

-- name: take_named
-- The rows are locked.
UPDATE seats SET owner_id = %(owner_id)s FROM seat_rows
WHERE seats.id = ANY(%(seat_ids)s) AND owner_id IS NULL AND seat_rows.id = row_id AND ticket_type_id = %(ticket_type_id)s

-- name: take_row
-- The best row with so many free seats together, of those that nobody has locked.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free >= %(quantity)s
ORDER BY rank LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_row
-- The same, waiting.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free >= %(quantity)s
ORDER BY rank LIMIT 1 FOR NO KEY UPDATE

-- name: take_together
-- Seats next to each other in a row that is locked: of the shortest gap that has enough, so that few single seats are left.
WITH free AS (
    SELECT id, position, position - row_number() OVER (ORDER BY position) AS gap
    FROM seats WHERE row_id = %(row_id)s AND owner_id IS NULL
), best AS (
    SELECT gap FROM free GROUP BY gap HAVING count(*) >= %(quantity)s ORDER BY count(*), min(position) LIMIT 1
), chosen AS (
    SELECT id FROM free JOIN best USING (gap) ORDER BY position LIMIT %(quantity)s
)
UPDATE seats SET owner_id = %(owner_id)s FROM chosen WHERE seats.id = chosen.id

-- name: is_together
-- Whether any row has so many free seats together, as of a snapshot.
SELECT EXISTS (SELECT FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free >= %(quantity)s)

-- name: take_rows
-- The best rows that have a free seat and that nobody has locked, as many as seats are wanted.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free > 0
ORDER BY rank LIMIT %(quantity)s FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_rows
-- The same, waiting.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free > 0
ORDER BY rank LIMIT %(quantity)s FOR NO KEY UPDATE

-- name: take_apart
-- The best seats of rows that are locked.
WITH chosen AS (
    SELECT seats.id FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE row_id = ANY(%(row_ids)s) AND owner_id IS NULL ORDER BY rank, position LIMIT %(quantity)s
)
UPDATE seats SET owner_id = %(owner_id)s FROM chosen WHERE seats.id = chosen.id

-- name: hand_over
-- The best of one owner's seats are another's from now on. They were not free and are not.
WITH chosen AS (
    SELECT seats.id FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE owner_id = %(from_id)s ORDER BY rank, position LIMIT %(quantity)s
)
UPDATE seats SET owner_id = %(to_id)s FROM chosen WHERE seats.id = chosen.id

-- name: set_sold
UPDATE seats SET sold = true WHERE owner_id = %(owner_id)s

-- name: free_seats
UPDATE seats SET owner_id = NULL, sold = false WHERE id = ANY(%(seat_ids)s) AND owner_id IS NOT NULL

-- name: measure_rows
-- How many free seats stand together in rows that are locked and whose seats have changed.
UPDATE seat_rows SET longest_free = coalesce((
    SELECT max(length) FROM (
        SELECT count(*) AS length FROM (
            SELECT position - row_number() OVER (ORDER BY position) AS gap
            FROM seats WHERE row_id = seat_rows.id AND owner_id IS NULL
        ) AS free GROUP BY gap
    ) AS gaps
), 0) WHERE id = ANY(%(row_ids)s)
