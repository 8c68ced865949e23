-- Statements on stock. The one that buyers wait for is orders/place_order.

-- name: insert_pool
INSERT INTO stock_pools (id, quantity, row_count) VALUES (%(pool_id)s, %(quantity)s, %(rows)s)

-- name: insert_rows
INSERT INTO stock (pool_id, row_no, available)
SELECT %(pool_id)s, row_no - 1, available FROM unnest(%(available)s::integer[]) WITH ORDINALITY AS row (available, row_no)

-- name: list_short
-- The pools that have less than is wanted of them, all in one snapshot: they are sold out as of that moment.
SELECT pool_id FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[]) AS wanted (pool_id, quantity)
WHERE wanted.quantity > (SELECT coalesce(sum(available), 0) FROM stock WHERE stock.pool_id = wanted.pool_id)

-- name: lock_and_consolidate
-- Moves into one row what no single row has. As many rows as tickets are wanted are enough, since each that is
-- locked has one at least. Waits for rows in the order of their keys; availability seen before the wait may be gone after.
WITH wanted AS MATERIALIZED (
    SELECT * FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[], %(starts)s::integer[])
        AS wanted (pool_id, quantity, start)
    ORDER BY pool_id
), locked AS MATERIALIZED (
    SELECT row.* FROM wanted CROSS JOIN LATERAL (
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
SELECT row_no, available, held, sold FROM stock WHERE pool_id = %(pool_id)s ORDER BY row_no FOR NO KEY UPDATE

-- name: resize_pool
UPDATE stock_pools SET quantity = %(quantity)s, row_count = %(rows)s WHERE id = %(pool_id)s

-- name: set_available
INSERT INTO stock (pool_id, row_no, available)
SELECT %(pool_id)s, * FROM unnest(%(row_nos)s::smallint[], %(available)s::integer[])
ON CONFLICT (pool_id, row_no) DO UPDATE SET available = excluded.available

-- name: take
-- Holds what is drawn, of the first row of each pool from start on that has enough and that nobody else holds; answers what
-- was taken. Unless there is such a row for every draw nothing is taken.
WITH wanted AS MATERIALIZED (
    SELECT pool_id, quantity, start FROM unnest(%(pool_ids)s::uuid[], %(quantities)s::integer[], %(starts)s::integer[])
        AS wanted (pool_id, quantity, start)
), found AS MATERIALIZED (
    SELECT pool_id, quantity, (
        SELECT row_no FROM stock
        WHERE stock.pool_id = wanted.pool_id AND row_no >= wanted.start AND available >= wanted.quantity
        ORDER BY row_no LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ) AS row_no FROM wanted
), complete AS MATERIALIZED (
    SELECT array_agg((pool_id, row_no, quantity)::draw) AS draws FROM found HAVING count(row_no) = count(*)
), held AS (
    UPDATE stock SET available = stock.available - found.quantity, held = stock.held + found.quantity
    FROM found WHERE stock.pool_id = found.pool_id AND stock.row_no = found.row_no AND EXISTS (SELECT FROM complete)
)
SELECT draws::text FROM complete

-- name: lock_and_sell
-- What is held is sold.
WITH locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, draw.quantity
    FROM unnest(%(draws)s::draw[]) AS draw JOIN stock ON stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no
    ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
)
UPDATE stock SET held = stock.held - locked.quantity, sold = stock.sold + locked.quantity
FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no

-- name: lock_and_release
-- What is held is available again, in rows that the transaction keeps locked; answers where.
WITH locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, draw.quantity
    FROM unnest(%(draws)s::draw[]) AS draw JOIN stock ON stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no
    ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
)
UPDATE stock SET held = stock.held - locked.quantity, available = stock.available + locked.quantity
FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no
RETURNING stock.pool_id, stock.row_no, locked.quantity

-- name: lock_and_give_back
-- What was sold is available again.
WITH locked AS MATERIALIZED (
    SELECT stock.pool_id, stock.row_no, draw.quantity
    FROM unnest(%(draws)s::draw[]) AS draw JOIN stock ON stock.pool_id = draw.pool_id AND stock.row_no = draw.row_no
    ORDER BY stock.pool_id, stock.row_no FOR NO KEY UPDATE OF stock
)
UPDATE stock SET sold = stock.sold - locked.quantity, available = stock.available + locked.quantity
FROM locked WHERE stock.pool_id = locked.pool_id AND stock.row_no = locked.row_no
