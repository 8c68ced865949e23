"""Every minute: add what was sold and given back to the daily sales."""

from boxoffice.analytics import counting
from boxoffice.jobs import Step, job

GAUGES = {"sales_uncounted_seconds": "SalesUncountedAge"}


@job(backlog=counting.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Count up to now, and after a long pause part by part."""
    return [
        Step(
            "counts",
            find=counting.SALES.find_uncounted,
            do=counting.SALES.count,
            done="SalesCounts",
            failed="SalesNotCounted",
        )
    ]
