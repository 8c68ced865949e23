"""Every hour: email holders their tickets again on the day before the event."""

from boxoffice.jobs import Step, job
from boxoffice.orders import reminders


@job()
def handler() -> list[Step]:
    """Remind the holders of some orders in a transaction, until all are reminded."""
    return [Step("reminded", reminders.list_due, reminders.remind, done="Reminded", failed="NotReminded")]
