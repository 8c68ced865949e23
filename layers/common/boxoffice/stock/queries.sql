-- Statements on stock. orders/place_order and orders/place_cart take stock too, in the statement that a buyer waits
-- for.

-- name: insert_pools
-- New pools, which have no rows yet.
INSERT INTO stock_pools (id, quantity, row_count)
SELECT id, quantity, row_count FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[], %(rows)s::smallint[])
    AS pool (id, quantity, row_count)

-- name: insert_rows
-- The rows of new pools, numbered from 0. A quantity is spread as evenly as possible: the first rows have one more.
INSERT INTO stock (pool_id, row_no, available)
SELECT id, row_no, quantity / row_count + CASE WHEN row_no < mod(quantity, row_count) THEN 1 ELSE 0 END
FROM stock_pools CROSS JOIN generate_series(0, row_count - 1) AS row_no WHERE id = ANY(%(pool_ids)s)

-- name: list_short_pools
-- The pools that have less available than is wanted of them, and how much. One snapshot shows them all, so they are
-- short at one moment.
SELECT wanted.pool_id, pool.available
FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[]) AS wanted (pool_id, quantity)
CROSS JOIN LATERAL
  (SELECT coalesce(sum(available), 0) AS available FROM stock WHERE stock.pool_id = wanted.pool_id) AS pool
WHERE wanted.quantity > pool.available

-- name: lock_and_consolidate
-- Moves available stock of several rows of a pool into the first of them. Each row that is locked has one ticket at
-- least, so it locks as many rows as tickets are wanted, at the most. It waits for locks, in the order of the rows'
-- keys. Another transaction may take what was available before the wait.
WITH wanted AS MATERIALIZED (
    SELECT pool_id, quantity, start FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[], %(starts)s::integer[])
        AS wanted (pool_id, quantity, start)
    ORDER BY pool_id
), locked AS MATERIALIZED (
    SELECT row.pool_id, row.row_no, row.available FROM wanted CROSS JOIN LATERAL (
        SELECT pool_id, row_no, available FROM stock
        WHERE stock.pool_id = wanted.pool_id AND row_no >= wanted.start AND available > 0
        ORDER BY row_no LIMIT wanted.quantity FOR NO KEY UPDATE
    ) AS row
), target AS MATERIALIZED (
    SELECT pool_id, min(row_no) AS row_no, sum(available)::integer AS available FROM locked GROUP BY pool_id
), consolidated AS (
    UPDATE stock SET available = CASE WHEN stock.row_no = target.row_no THEN target.available ELSE 0 END
    FROM locked JOIN target USING (pool_id)
    WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no
    RETURNING 1
)
SELECT pool_id, row_no, available FROM target ORDER BY pool_id

-- name: lock_rows
-- All rows of a pool.
SELECT row_no, available, held, sold FROM stock WHERE pool_id = %(pool_id)s ORDER BY row_no FOR NO KEY UPDATE

-- name: resize_pool
-- The quantity and the number of rows that a pool has from now on.
UPDATE stock_pools SET quantity = %(quantity)s, row_count = %(rows)s WHERE id = %(pool_id)s

-- name: set_available
-- What is available in the rows of a pool. Rows that do not exist yet are added.
INSERT INTO stock (pool_id, row_no, available)
SELECT %(pool_id)s, row_no, available
FROM unnest(%(row_nos)s::smallint[], %(available)s::integer[]) AS row (row_no, available)
ON CONFLICT (pool_id, row_no) DO UPDATE SET available = excluded.available

-- name: take
-- Holds what is wanted of each pool, from the first row at or after start that has enough and that nobody has locked.
-- Unless each pool has such a row, it takes nothing. Answers the draws that it took, or no row.
WITH wanted AS MATERIALIZED (
    SELECT pool_id, quantity, start FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[], %(starts)s::integer[])
        AS wanted (pool_id, quantity, start)
), locked AS MATERIALIZED (
    SELECT pool_id, quantity, (
        SELECT row_no FROM stock
        WHERE stock.pool_id = wanted.pool_id AND row_no >= wanted.start AND available >= wanted.quantity
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ) AS row_no FROM wanted
), complete AS MATERIALIZED (
    SELECT array_agg((pool_id, row_no, quantity)::draw) AS draws FROM locked HAVING count(row_no) = count(*)
), held AS (
    UPDATE stock SET available = stock.available - locked.quantity, held = stock.held + locked.quantity
    FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no AND EXISTS (SELECT FROM complete)
)
SELECT draws::text FROM complete

-- name: take_available
-- The rows of some pools that have anything available and that nobody has locked. Each has one ticket at least, so a
-- quantity needs no more rows than that.
SELECT row.pool_id, row.row_no, row.available FROM unnest(%(pool_ids)s::uuid[]) AS pool (id) CROSS JOIN LATERAL (
    SELECT pool_id, row_no, available FROM stock WHERE stock.pool_id = pool.id AND available > 0
    ORDER BY row_no LIMIT %(quantity)s FOR NO KEY UPDATE SKIP LOCKED
) AS row ORDER BY row.pool_id, row.row_no

-- name: lock_available
-- The same, but it waits for rows that others have locked, in the order of the rows' keys.
WITH pool AS MATERIALIZED (SELECT id FROM unnest(%(pool_ids)s::uuid[]) AS id ORDER BY id)
SELECT row.pool_id, row.row_no, row.available FROM pool CROSS JOIN LATERAL (
    SELECT pool_id, row_no, available FROM stock WHERE stock.pool_id = pool.id AND available > 0
    ORDER BY row_no LIMIT %(quantity)s FOR NO KEY UPDATE
) AS row

-- name: hold_moved
-- Takes available stock away from rows that are locked, and holds it in others of the same pool or in the same.
UPDATE stock SET available = stock.available - move.taken, held = stock.held + move.held
FROM unnest(%(pool_ids)s::uuid[], %(row_nos)s::smallint[], %(taken)s::integer[], %(held)s::integer[])
    AS move (pool_id, row_no, taken, held)
WHERE stock.pool_id = move.pool_id AND stock.row_no = move.row_no

-- name: lock_and_move
-- Moves the quantity of each draw between the counts of its row. Each count has a factor: 1 adds, -1 subtracts, 0
-- keeps. Answers the draws. The rows stay locked until the transaction ends.
WITH locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, draw.quantity
    FROM unnest(%(draws)s::draw[]) AS draw JOIN stock ON stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no
    ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
)
UPDATE stock SET available = stock.available + locked.quantity * %(available)s,
    held = stock.held + locked.quantity * %(held)s, sold = stock.sold + locked.quantity * %(sold)s
FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no
RETURNING stock.pool_id, stock.row_no, locked.quantity
