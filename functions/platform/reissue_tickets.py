"""Every minute: renew tickets and links whose key has leaked, then withdraw the key."""

from boxoffice.jobs import Step, job
from boxoffice.platform import withdrawals as work

GAUGES = {"renewals_left": "RenewalsLeft", "oldest_withdrawal_seconds": "WithdrawalsOldestAge"}
_LISTED = {"done": "RenewalsListed", "failed": "RenewalsNotListed"}
_RENEWED = {"done": "OrdersRenewed", "failed": "OrdersNotRenewed"}
_WITHDRAWN = {"done": "KeysWithdrawn", "failed": "KeysNotWithdrawn"}


@job(backlog=work.get_backlog, gauges=GAUGES)
def handler() -> list[Step]:
    """List the orders, renew those of the next event first, and end what is done."""
    return [
        Step("listed", find=work.find_unlisted, do=work.list_orders, **_LISTED),
        Step("renewed", find=work.find_renewals, do=work.renew, at_once=50, **_RENEWED),
        Step("withdrawn", find=work.withdraw_renewed, do=work.mark_finished, **_WITHDRAWN),
    ]
