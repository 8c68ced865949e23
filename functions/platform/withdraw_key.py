"""An operator calls it when a key has leaked, with the name of the ring: ``{"ring": "ticket"}``."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice.platform import withdrawals
from boxoffice.telemetry import logger


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Withdraw the keys of a ring. The job `reissue_tickets` does what takes longer."""
    state = withdrawals.withdraw(event["ring"])
    logger.warning("keys are withdrawn", extra=state)
    return state
