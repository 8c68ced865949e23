-- Statements on seats. A caller that changes seats has locked stock of their ticket type before. Then it locks the rows
-- of those seats, in the order of ticket types and ranks.

-- name: lock_map
-- All rows of a seat map.
SELECT id, rank, section, name, key FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s
ORDER BY rank FOR NO KEY UPDATE

-- name: save_rows
-- Inserts rows of a seat map. Rows that exist keep their id. They get a new rank, and their name as it is written now.
INSERT INTO seat_rows (id, ticket_type_id, rank, section, name, key, longest_free)
SELECT id, %(ticket_type_id)s, rank, section, name, key, 0
FROM unnest(%(ids)s::uuid[], %(ranks)s::integer[], %(sections)s::text[], %(names)s::text[], %(keys)s::text[])
    AS row (id, rank, section, name, key)
ON CONFLICT ON CONSTRAINT seat_rows_name
    DO UPDATE SET rank = excluded.rank, section = excluded.section, name = excluded.name

-- name: remove_seats
-- Deletes the seats of rows, except those to keep. Answers up to ten that were not free: then the caller rolls back.
WITH kept AS MATERIALIZED (
    SELECT row_id, key FROM unnest(%(keep_row_ids)s::uuid[], %(keep_keys)s::text[]) AS kept (row_id, key)
), removed AS (
    DELETE FROM seats WHERE row_id = ANY(%(row_ids)s)
        AND NOT EXISTS (SELECT FROM kept WHERE kept.row_id = seats.row_id AND kept.key = seats.key)
    RETURNING label, owner_id
)
SELECT label FROM removed WHERE owner_id IS NOT NULL ORDER BY label LIMIT 10

-- name: save_seats
-- Inserts seats. Seats that exist keep their id and their owner. They get a new position, and their name as it is
-- written now. A seat that another ticket type sells does not change, and is missing from the count of rows.
INSERT INTO seats (id, row_id, event_id, section, row_name, position, number, key)
SELECT seat.id, row_id, %(event_id)s, section, name, position, number, seat.key
FROM unnest(%(ids)s::uuid[], %(row_ids)s::uuid[], %(positions)s::smallint[], %(numbers)s::text[], %(keys)s::text[])
    AS seat (id, row_id, position, number, key) JOIN seat_rows ON seat_rows.id = row_id
ON CONFLICT ON CONSTRAINT seats_once_an_event DO UPDATE SET position = excluded.position, section = excluded.section,
    row_name = excluded.row_name, number = excluded.number
WHERE seats.row_id = excluded.row_id

-- name: list_seats_of_other_types
-- Up to ten seats of an event with these names, which are not in these rows.
SELECT label FROM seats WHERE event_id = %(event_id)s AND key = ANY(%(keys)s) AND row_id <> ALL(%(row_ids)s)
ORDER BY label LIMIT 10

-- name: delete_rows
-- Deletes rows whose seats are deleted.
DELETE FROM seat_rows WHERE id = ANY(%(ids)s)

-- name: insert_copied_rows
-- The rows of seat maps once more, for other ticket types. All seats of a copy are free.
WITH source AS MATERIALIZED (
    SELECT ticket_type_id, rank, section, name, key, (
        SELECT max(length) FROM (
            SELECT count(*) AS length FROM (
                SELECT position - row_number() OVER (ORDER BY position) AS run FROM seats WHERE row_id = seat_rows.id
            ) AS numbered GROUP BY run
        ) AS runs
    ) AS longest
    FROM seat_rows WHERE ticket_type_id = ANY(%(source_ids)s)
)
INSERT INTO seat_rows (id, ticket_type_id, rank, section, name, key, longest_free)
SELECT uuidv7(), copy.id, rank, section, name, key, longest
FROM unnest(%(source_ids)s::uuid[], %(ids)s::uuid[]) AS copy (source_id, id)
JOIN source ON ticket_type_id = copy.source_id

-- name: insert_copied_seats
-- The seats of these copies.
INSERT INTO seats (id, row_id, event_id, section, row_name, position, number, key)
SELECT uuidv7(), target.id, copy.event_id, seats.section, row_name, position, number, seats.key
FROM unnest(%(source_ids)s::uuid[], %(ids)s::uuid[], %(event_ids)s::uuid[]) AS copy (source_id, id, event_id)
JOIN seat_rows AS source ON source.ticket_type_id = copy.source_id
JOIN seat_rows AS target ON target.ticket_type_id = copy.id AND target.key = source.key
JOIN seats ON seats.row_id = source.id

-- name: get_size
-- How many rows and seats the map of a ticket type has.
SELECT count(DISTINCT row_id)::integer AS rows, count(*)::integer AS seats
FROM seats JOIN seat_rows ON seat_rows.id = row_id WHERE ticket_type_id = %(ticket_type_id)s

-- name: list_rows
-- A page of a seat map, in whole rows, and one row more if there are more.
SELECT rank, page.section, name AS row, array_agg(seats.id ORDER BY position) AS seat_ids,
    array_agg(number ORDER BY position) AS numbers, array_agg(position ORDER BY position) AS positions,
    string_agg(CASE WHEN owner_id IS NULL THEN 'f' WHEN sold THEN 's' ELSE 'h' END, '' ORDER BY position) AS states
FROM (
    SELECT id, rank, section, name FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND rank > %(after)s
    ORDER BY rank LIMIT %(rows)s + 1
) AS page JOIN seats ON row_id = page.id
GROUP BY rank, page.section, name ORDER BY rank

-- name: list_seats_of_owners
-- All seats that some owners have.
SELECT id FROM seats WHERE owner_id = ANY(%(owner_ids)s)

-- name: list_seats_of_tickets
-- A ticket has the seat at its position among the item's seats. A group ticket has all seats of its item. Seats that
-- the order gave back before are left out.
SELECT seats.id FROM tickets JOIN order_items USING (order_id, item_no)
CROSS JOIN unnest(CASE WHEN is_group THEN seat_ids ELSE seat_ids[tickets.position:tickets.position] END) AS seat_id
JOIN seats ON seats.id = seat_id AND owner_id = tickets.order_id
WHERE tickets.id = ANY(%(ticket_ids)s)

-- name: list_seats_of_order
-- The seats that an order took when it was placed, item by item.
SELECT ticket_type_id, seat_ids FROM order_items WHERE order_id = %(order_id)s AND seat_ids IS NOT NULL
ORDER BY ticket_type_id

-- name: list_missing
-- Those of some seats that the ticket type does not sell.
SELECT wanted.id FROM unnest(%(seat_ids)s::uuid[]) AS wanted (id)
WHERE NOT EXISTS (SELECT FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE seats.id = wanted.id AND ticket_type_id = %(ticket_type_id)s)

-- name: list_taken
-- Those of some seats that have an owner.
SELECT id FROM seats WHERE id = ANY(%(seat_ids)s) AND owner_id IS NOT NULL

-- name: lock_rows_of_seats
-- The rows that some seats are in.
SELECT id FROM seat_rows WHERE id IN (SELECT row_id FROM seats WHERE id = ANY(%(seat_ids)s))
ORDER BY ticket_type_id, rank FOR NO KEY UPDATE

-- name: take_named
-- Gives free seats to an owner. Their rows are locked.
UPDATE seats SET owner_id = %(owner_id)s FROM seat_rows
WHERE seats.id = ANY(%(seat_ids)s) AND owner_id IS NULL AND seat_rows.id = row_id
    AND ticket_type_id = %(ticket_type_id)s

-- name: take_best_row
-- Locks the best row with so many free seats together. Rows that others have locked are left out.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free >= %(quantity)s
ORDER BY rank LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_best_row
-- The same, but waits for a row that others have locked. It answers no row if the seats are gone after the wait.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free >= %(quantity)s
ORDER BY rank LIMIT 1 FOR NO KEY UPDATE

-- name: take_together
-- Gives an owner seats next to each other in a row that is locked. It takes them from the shortest run of free seats
-- that is long enough, so that few single seats are left. Free seats of one run share the difference of position and
-- row_number.
WITH free AS (
    SELECT id, position, position - row_number() OVER (ORDER BY position) AS run
    FROM seats WHERE row_id = %(row_id)s AND owner_id IS NULL
), best AS (
    SELECT run FROM free GROUP BY run HAVING count(*) >= %(quantity)s ORDER BY count(*), min(position) LIMIT 1
), chosen AS (
    SELECT id FROM free JOIN best USING (run) ORDER BY position LIMIT %(quantity)s
)
UPDATE seats SET owner_id = %(owner_id)s FROM chosen WHERE seats.id = chosen.id

-- name: has_seats_together
-- True if any row has so many free seats together, as of a snapshot.
SELECT EXISTS (SELECT FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free >= %(quantity)s)

-- name: take_best_rows
-- Locks the best rows that have a free seat: as many as seats are wanted. Rows that others have locked are left out.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free > 0
ORDER BY rank LIMIT %(quantity)s FOR NO KEY UPDATE SKIP LOCKED

-- name: lock_best_rows
-- The same, but waits for rows that others have locked.
SELECT id FROM seat_rows WHERE ticket_type_id = %(ticket_type_id)s AND longest_free > 0
ORDER BY rank LIMIT %(quantity)s FOR NO KEY UPDATE

-- name: take_scattered
-- Gives an owner the best free seats of rows that are locked.
WITH chosen AS (
    SELECT seats.id FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE row_id = ANY(%(row_ids)s) AND owner_id IS NULL ORDER BY rank, position LIMIT %(quantity)s
)
UPDATE seats SET owner_id = %(owner_id)s FROM chosen WHERE seats.id = chosen.id

-- name: hand_over
-- Gives the best seats of one owner to another. The seats are never free, so longest_free of their rows is still right.
WITH chosen AS (
    SELECT seats.id FROM seats JOIN seat_rows ON seat_rows.id = row_id
    WHERE owner_id = %(from_id)s ORDER BY rank, position LIMIT %(quantity)s
)
UPDATE seats SET owner_id = %(to_id)s FROM chosen WHERE seats.id = chosen.id

-- name: set_sold
-- The seats of an owner are sold.
UPDATE seats SET sold = true WHERE owner_id = %(owner_id)s

-- name: free_seats
-- Takes seats from their owners. Their rows are locked.
UPDATE seats SET owner_id = NULL, sold = false WHERE id = ANY(%(seat_ids)s) AND owner_id IS NOT NULL

-- name: update_longest_free
-- Counts the longest run of free seats in rows that are locked and whose seats have changed.
UPDATE seat_rows SET longest_free = coalesce((
    SELECT max(length) FROM (
        SELECT count(*) AS length FROM (
            SELECT position - row_number() OVER (ORDER BY position) AS run
            FROM seats WHERE row_id = seat_rows.id AND owner_id IS NULL
        ) AS free GROUP BY run
    ) AS runs
), 0) WHERE id = ANY(%(row_ids)s)
