"""Every hour: idempotency keys that are older than promised are forgotten."""

from boxoffice import idempotency
from boxoffice.jobs import Step, job


@job()
def handler() -> list[Step]:
    """Forget old keys, many in a transaction."""
    return [
        Step(
            "purged",
            find=idempotency.list_old_keys,
            do=idempotency.purge_keys,
            done="KeysPurged",
            failed="KeysNotPurged",
            at_once=1000,
        ),
    ]
