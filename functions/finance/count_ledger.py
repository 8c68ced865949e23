"""Every minute: add what was posted to the ledger's balances and days."""

from boxoffice.jobs import Step, job
from boxoffice.ledger import counting

GAUGES = {"ledger_uncounted_seconds": "LedgerUncountedAge"}


@job(backlog=counting.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Count up to now, and after a long pause part by part."""
    return [
        Step(
            "counts",
            find=counting.LEDGER.find_uncounted,
            do=counting.LEDGER.count,
            done="LedgerCounts",
            failed="LedgerNotCounted",
        )
    ]
