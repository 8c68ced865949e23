"""Serves the API through `sam local start-api`, in Docker, on the local stack's database and AWS services.

SAM's containers reach this machine at its address on Docker's bridge. Where Docker runs in a virtual machine (Docker
Desktop), they reach it at `host.docker.internal`.
"""

from __future__ import annotations

import ipaddress
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.stack.processes import Part
from local.stack.sam import declare_variables

START_SECONDS = 120
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
"""This machine's processor, as Lambda names it."""


@dataclass(frozen=True)
class Containers:
    """How containers reach this machine.

    Attributes:
        address: where this machine listens for them.
        network: where they come from.
        host: the name by which they reach this machine.
    """

    address: str
    network: str
    host: str


def containers() -> Containers:
    """Ask Docker for its default network.

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


def build(template: Path, folder: Path, parameters: Mapping[str, str]) -> Path:
    """Build functions and layers for this machine's processor. Return the template of what was built.

    A layer's Makefile finds the processor in ARCHITECTURE and this Python in PYTHON. RDS_CERTIFICATES is empty, so a
    layer leaves out what only a database on AWS needs.

    Raises:
        RuntimeError: it could not be built; SAM has said why.
    """
    command = ["build", "--template-file", str(template), "--build-dir", str(folder), *_overrides(parameters)]
    environment = {**os.environ, "ARCHITECTURE": ARCHITECTURE, "PYTHON": sys.executable, "RDS_CERTIFICATES": ""}
    done = subprocess.run(_sam(*command), env=environment, check=False)
    if done.returncode:
        raise RuntimeError("sam build failed")
    return folder / "template.yaml"


def start(built: Path, port: int, parameters: Mapping[str, str], variables: Mapping[str, str], log: Path) -> Part:
    """Start `sam local start-api`. The first call to a function starts its container, which is kept."""
    built.write_text(declare_variables(built.read_text(), variables))
    environment = built.with_name("environment.json")
    environment.write_text(json.dumps({"Parameters": dict(variables)}))
    command = ["local", "start-api", "--template-file", str(built), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--env-vars", str(environment), "--warm-containers", "LAZY", "--skip-pull-image"]
    command += ["--add-host", "host.docker.internal:host-gateway", *_overrides(parameters)]
    return Part("sam local", _sam(*command), log=log)


def wait(part: Part, port: int) -> None:
    """Wait until SAM listens.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    part.wait_until(partial(_listens, port), START_SECONDS)


def _listens(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    values = [f"{name}={value}" for name, value in parameters.items()]
    return ["--parameter-overrides", *values] if values else []


def _sam(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "samcli", *arguments]
