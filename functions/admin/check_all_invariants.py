"""Every ten minutes: check all data by night, part by part, for rows that contradict an invariant."""

from boxoffice.admin import service
from boxoffice.jobs import Step, job


@job(seconds_to_stop=60)
def handler() -> list[Step]:
    """Check the next parts."""
    return [Step("parts", service.list_next, service.check_next, "InvariantPartsChecked", "InvariantPartsNotChecked")]
