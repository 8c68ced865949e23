"""Every ten minutes: read the balance reports of providers that are due, at night, and explain their entries."""

from boxoffice.jobs import Step, job
from boxoffice.provider_reports import service

GAUGES = {"oldest_report_seconds": "ReportsOldestAge", "entries_unexplained": "EntriesUnexplained"}
_OF_ENTRIES = ("EntriesExplained", "EntriesNotExplained")
SECONDS_TO_STOP = 30  # a call to a provider, and a batch of entries


@job(seconds_to_stop=SECONDS_TO_STOP, backlog=service.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """Read a page, explain what is new, and read the next one. Compare when a report is read to its end."""
    return [
        Step("pages", service.read_pages, service.store_page, "ReportPagesRead", "ReportPagesNotRead"),
        Step("entries", service.list_due_entries, service.explain_entries, *_OF_ENTRIES, at_once=100),
        Step("reports", service.list_reports_to_compare, service.compare, "ReportsCompared", "ReportsNotCompared"),
    ]
