"""Runs a statement under pgbench, PostgreSQL's own client for benchmarks, which takes little of the machine."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.stack.postgres import BIN

_PARAMETER = re.compile(r"%\((\w+)\)s")


def fill_in(statement: str, expressions: Mapping[str, str]) -> str:
    """Return a statement with an expression of pgbench in place of each ``%(name)s``.

    Raises:
        KeyError: a parameter has no expression.
    """
    return _PARAMETER.sub(lambda match: expressions[match[1]], statement)


def run(
    url: str,
    script: Path,
    *,
    clients: int,
    seconds: int,
    variables: Mapping[str, str],
    options: Mapping[str, str],
) -> None:
    """Run a script on so many connections, with prepared statements.

    Args:
        variables: what each client starts with.
        options: settings of the server for these sessions alone.

    Raises:
        RuntimeError: a client ended early.
    """
    command: Sequence[str | Path] = [
        *(BIN / "pgbench", "--no-vacuum", "--protocol=prepared", f"--file={script}"),
        *(f"--client={clients}", f"--jobs={min(clients, os.cpu_count() or 1)}", f"--time={seconds}"),
        *(f"--define={name}={value}" for name, value in variables.items()),
        url,
    ]
    environment = {**os.environ, "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in options.items())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
