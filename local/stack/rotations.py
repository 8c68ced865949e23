"""Secrets that change in the local stack: each change is kept in the state folder, and rotations call their function.

moto keeps secrets in memory, and runs the function of a rotation in Docker. Here the gateway runs it.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from moto.secretsmanager.models import SecretsManagerBackend

from local.stack.logs import say
from local.stack.state import State

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
STEP_SECONDS = 60
_CHANGES = ("put_secret_value", "update_secret", "update_secret_version_stage")


def keep_secrets(state: State) -> None:
    """Write each secret that changes to the state folder, so that what it signed survives a restart."""
    for name in _CHANGES:
        setattr(SecretsManagerBackend, name, _kept(getattr(SecretsManagerBackend, name), state))


def _kept(change: Callable[..., Any], state: State) -> Callable[..., Any]:
    @wraps(change)
    def wrapper(backend: SecretsManagerBackend, secret_id: str, *args: Any, **kwargs: Any) -> Any:
        answer = change(backend, secret_id, *args, **kwargs)
        secret = backend.secrets[secret_id]
        for version in secret.versions.values():
            if "AWSCURRENT" in version["version_stages"] and "secret_string" in version:
                state.keep_secret(secret.name, version["secret_string"])
        return answer

    return wrapper


def rotate_by(functions: Mapping[str, str], url: str) -> None:
    """Let `RotateSecret` call functions of the gateway.

    Args:
        functions: the name of the function that rotates a secret, by the secret's name.
        url: the gateway's address.
    """

    def rotate(backend: Any, secret_id: str, client_request_token: str | None = None, **_: Any) -> Any:
        secret: Any = backend.secrets[secret_id]
        token = client_request_token or str(uuid.uuid4())
        secret.remove_version_stages_from_old_versions(["AWSPENDING"])
        secret.versions[token] = {"createdate": int(time.time()), "version_id": token, "version_stages": ["AWSPENDING"]}
        event = {"SecretId": secret.name, "ClientRequestToken": token}
        function = f"{url}/2015-03-31/functions/{functions[secret.name]}/invocations"
        threading.Thread(target=_run_steps, args=(function, event), daemon=True).start()
        return secret.to_short_dict(version_id=token)

    setattr(SecretsManagerBackend, "rotate_secret", rotate)  # noqa: B010 - moto's own takes other arguments


def _run_steps(url: str, event: dict[str, str]) -> None:
    """Call the function for one step after another, as Secrets Manager does, until one fails."""
    for step in STEPS:
        body = json.dumps({"Step": step, **event}).encode()
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=STEP_SECONDS) as answer:
            if answer.headers.get("X-Amz-Function-Error"):
                say(f"the rotation of {event['SecretId']} failed in {step}")
                return
