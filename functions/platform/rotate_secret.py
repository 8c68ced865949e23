"""Secrets Manager's rotation function: each call is one step of the rotation of one secret.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from boxoffice.platform import rotation
from boxoffice.telemetry import logger


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: LambdaContext) -> None:
    """Run a step. If it raises, Secrets Manager tries the rotation again."""
    step, secret_id = event["Step"], event["SecretId"]
    rotation.run_step(step, secret_id, event["ClientRequestToken"])
    logger.info(
        "secret rotated" if step == "finishSecret" else "rotation under way", extra={"step": step, "secret": secret_id}
    )
