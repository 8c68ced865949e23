"""Every hour: delete idempotency keys that are older than promised."""

from boxoffice import idempotency
from boxoffice.jobs import Step, job


@job()
def handler() -> list[Step]:
    """Delete old keys, many in a transaction."""
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
