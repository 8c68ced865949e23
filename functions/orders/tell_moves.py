"""Every minute: tell the holders of tickets that their event takes place at another time or place."""

from boxoffice.jobs import Step, job
from boxoffice.orders import moved_events


@job()
def handler() -> list[Step]:
    """Tell the holders of some orders in a transaction, until all are told."""
    return [Step("moves", moved_events.list_to_tell, moved_events.tell, done="MovesTold", failed="MovesNotTold")]
