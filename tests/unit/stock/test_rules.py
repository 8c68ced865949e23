"""How many rows a pool has, how it grows and shrinks, and how its stock is shared out."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from boxoffice.stock.models import AvailableRow, Move, StockRow, TakenDraw
from boxoffice.stock.rules import MOST_ROWS, grow, rows_for, share_out, shrink, spread, start_row

QUANTITIES = st.integers(0, 10_000_000)
ROWS = st.lists(st.tuples(*[st.integers(0, 100)] * 3), min_size=1, max_size=MOST_ROWS).map(
    lambda counts: [StockRow(number, *count) for number, count in enumerate(counts)]
)


@given(QUANTITIES)
def test_a_quantity_is_spread_evenly_over_its_rows(quantity: int) -> None:
    rows = spread(quantity, rows_for(quantity))

    assert sum(rows) == quantity
    assert max(rows) - min(rows) <= 1
    assert 1 <= len(rows) <= MOST_ROWS


@given(st.integers(1, 10**7), st.integers(1, MOST_ROWS))
def test_a_connection_starts_at_a_row_that_exists(pid: int, rows: int) -> None:
    assert 0 <= start_row(pid, rows) < rows


@given(ROWS, QUANTITIES)
def test_growing_adds_the_quantity_and_takes_from_no_row(rows: list[StockRow], by: int) -> None:
    after = grow(rows, by)

    assert sum(after.values()) == sum(row.available for row in rows) + by
    assert all(after[row.row_no] >= row.available for row in rows)


@given(ROWS, st.integers(0, 10_000))
def test_shrinking_takes_only_available_stock_or_nothing(rows: list[StockRow], by: int) -> None:
    available = sum(row.available for row in rows)

    after = shrink(rows, by)

    if by > available:
        assert after is None
    else:
        assert after is not None
        assert sum(after.values()) == available - by
        assert all(0 <= after[row.row_no] <= row.available for row in rows)


OWN, CAPACITY = UUID(int=1), UUID(int=2)


def test_each_quantity_lies_in_one_row_of_each_pool() -> None:
    """3 and 2 come from rows of 2, 2 and 4. The 3 takes row 0 and half of row 1, the 2 the rest and one of row 5."""
    rows = [AvailableRow(OWN, 0, 2), AvailableRow(OWN, 1, 2), AvailableRow(OWN, 5, 4)]

    held, moves = share_out(rows, [OWN], [3, 2, 4])

    assert held == [[TakenDraw(OWN, 0, 3)], [TakenDraw(OWN, 1, 2)]]
    assert moves == [Move(OWN, 0, 2, 3), Move(OWN, 1, 2, 2), Move(OWN, 5, 1, 0)]


def test_a_quantity_that_does_not_fit_into_every_pool_ends_the_sharing() -> None:
    rows = [AvailableRow(OWN, 0, 10), AvailableRow(CAPACITY, 0, 3)]

    held, moves = share_out(rows, [OWN, CAPACITY], [2, 2, 1])

    assert held == [[TakenDraw(OWN, 0, 2), TakenDraw(CAPACITY, 0, 2)]]
    assert moves == [Move(OWN, 0, 2, 2), Move(CAPACITY, 0, 2, 2)]
    assert share_out([], [OWN], [1]) == ([], [])


@given(
    st.lists(st.integers(1, 9), max_size=20),
    st.lists(st.integers(1, 9), max_size=20),
    st.lists(st.integers(1, 9), max_size=20),
)
def test_sharing_loses_nothing_and_takes_no_more_than_there_is(
    own: list[int], other: list[int], wanted: list[int]
) -> None:
    rows = [
        AvailableRow(pool, no, count)
        for pool, counts in ((OWN, own), (CAPACITY, other))
        for no, count in enumerate(counts)
    ]

    held, moves = share_out(rows, [OWN, CAPACITY], wanted)

    available = {(row.pool_id, row.row_no): row.available for row in rows}
    assert all(0 <= move.taken <= available[move.pool_id, move.row_no] for move in moves)
    for pool, counts in ((OWN, own), (CAPACITY, other)):
        assert sum(move.taken for move in moves if move.pool_id == pool) == sum(wanted[: len(held)])
        assert sum(move.held for move in moves if move.pool_id == pool) == sum(wanted[: len(held)])
        assert len(held) == len(wanted) or sum(wanted[: len(held) + 1]) > min(sum(own), sum(other))
        assert sum(counts) >= sum(wanted[: len(held)])
