"""How many rows a pool has, and how it grows and shrinks."""

from hypothesis import given
from hypothesis import strategies as st

from boxoffice.stock.models import StockRow
from boxoffice.stock.rules import MOST_ROWS, grow, rows_for, shrink, spread, start_row

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
