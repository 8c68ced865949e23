"""Reports as files of CSV and XLSX."""

import io

from boxoffice.exports.files import CONTENT_TYPES, FILES
from boxoffice.exports.models import ExportFormat
from boxoffice.reports import rules
from boxoffice.reports.models import RevenueReportView

MEDIA_TYPES = {name: content_type.partition(";")[0] for name, content_type in CONTENT_TYPES.items()}
"""Without the character set, which each answer of text has."""


def write(report: RevenueReportView, file_format: ExportFormat) -> bytes:
    """Return a report as a file, with a row for each of its rows. Totals are left to whoever opens it."""
    content = io.BytesIO()
    with FILES[file_format](content) as file:
        file.write_rows([(*rules.COLUMNS, *rules.AMOUNTS)])
        file.write_rows(map(rules.cells_of, report.rows))
    return content.getvalue()
