"""Why a report cannot be given."""

from boxoffice.errors import DomainError


class ReportTooLong(DomainError):
    status = 422
    code = "report_too_long"
    meaning = "The report has more than {most_rows} rows."
    remedy = "Ask for fewer days, a longer interval, or without `group_by`."
    most_rows: int
