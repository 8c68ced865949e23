"""Serves the API through `sam local start-api`, in Docker, on the local stack's database and AWS services.

SAM's containers reach the host at its address on Docker's bridge; where Docker runs in a virtual machine (Docker
Desktop), at `host.docker.internal`.
"""

from __future__ import annotations

import ipaddress
import json
import os
import platform
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from local.stack.processes import Part
from local.stack.sam import with_variables

START_SECONDS = 120
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
PARAMETERS = ["--parameter-overrides", f"Architecture={ARCHITECTURE}", "SecretsExtension=false"]


@dataclass(frozen=True)
class Containers:
    """Where containers and this machine meet: our address there, the containers' network, and our name to them."""

    address: str
    network: str
    host: str


def containers() -> Containers:
    """Looks at Docker's default network.

    Raises:
        RuntimeError: Docker does not answer.
    """
    command = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError("Docker does not answer: is it installed and running?") from error
    network = ipaddress.ip_network(done.stdout.strip())
    address = str(network[1])
    with socket.socket() as probe, suppress(OSError):
        probe.bind((address, 0))
        return Containers(address, str(network), address)
    return Containers("127.0.0.1", "127.0.0.1/32", "host.docker.internal")


def build(template: Path, folder: Path) -> Path:
    """Builds functions and layer for this machine's processor; answers the template of what was built.

    Raises:
        RuntimeError: it could not be built; SAM has said why.
    """
    command = ["build", "--template-file", str(template), "--build-dir", str(folder), *PARAMETERS]
    environment = {**os.environ, "ARCHITECTURE": ARCHITECTURE, "PYTHON": sys.executable}
    done = subprocess.run(_sam(*command), env=environment, check=False)
    if done.returncode:
        raise RuntimeError("sam build failed")
    return folder / "template.yaml"


def start(built: Path, port: int, variables: dict[str, str], log: Path) -> Part:
    """Starts `sam local start-api`; a function's container is started by its first call and kept."""
    built.write_text(with_variables(built.read_text(), variables))
    environment = built.with_name("environment.json")
    environment.write_text(json.dumps({"Parameters": variables}))
    command = ["local", "start-api", "--template-file", str(built), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--env-vars", str(environment), "--warm-containers", "LAZY", "--skip-pull-image", *PARAMETERS]
    command += ["--add-host", "host.docker.internal:host-gateway"]
    return Part("sam local", _sam(*command), log=log)


def wait(part: Part, port: int) -> None:
    """Waits until SAM listens.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while part.exit_code is None and time.monotonic() < deadline:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.1)
    raise RuntimeError("sam local did not start: see logs/sam-local.log in the state folder")


def _sam(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "samcli", *arguments]
