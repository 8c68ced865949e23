"""Deploy step: apply the migrations before new code serves.

CloudFormation runs it as a custom resource. Invoked by hand with an empty event, it does the same.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import logging
import os
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

logger = logging.getLogger()


def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """Apply the migrations, and answer CloudFormation if it asked. To delete the stack deletes no table."""
    if "RequestType" not in event:
        return _migrate()
    try:
        data = {} if event["RequestType"] == "Delete" else _migrate()
        _answer(event, "SUCCESS", "", data)
    except Exception as error:  # without an answer CloudFormation waits until its time-out
        logger.exception("migration failed")
        _answer(event, "FAILED", f"{type(error).__name__}: {error}"[:1000], {})
        return {}
    return data


def _migrate() -> dict[str, str]:
    """Apply the missing migrations, as the owner of the database, and return the name of the last one.

    If nobody is an admin yet, and the deployment names one, make them one.
    """
    # Imported here: if the layer does not load, the handler can still tell CloudFormation so.
    from boxoffice import config, db, migrations
    from boxoffice.accounts import first_admin

    config.forget_secrets()
    settings = config.settings()
    login = config.secret(settings.database_secret) if settings.database_secret else None
    applied = migrations.apply(config.owner_conninfo(), api_login=login)
    admin_made = False
    if email := os.environ.get("ADMIN_EMAIL"):
        with db.Connection.connect(config.owner_conninfo(), autocommit=True) as conn:
            admin_made = first_admin.ensure(conn, email, lambda: config.secret(os.environ["ADMIN_SECRET"])["password"])
    logger.info("migrated", extra={"applied": applied, "admin_made": admin_made})
    return {"Version": max(path.stem for path in Path(migrations.__file__).parent.glob("*.sql"))}


def _answer(event: dict[str, Any], status: str, reason: str, data: dict[str, str]) -> None:
    body = {
        "Status": status,
        "Reason": reason,
        "Data": data,
        "PhysicalResourceId": "boxoffice-migration",
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    # The URL is signed for an empty content type.
    request = Request(event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT")  # noqa: S310
    with urlopen(request, timeout=10):  # noqa: S310 - the URL is CloudFormation's
        pass
