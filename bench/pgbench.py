"""Runs a statement of ours under pgbench, so that the database is what is measured."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.cluster import BIN

_PARAMETER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Run:
    """What pgbench did: its transactions, whatever came of them, and for how long."""

    transactions: int
    seconds: float


def fill_in(statement: str, expressions: Mapping[str, str]) -> str:
    """A statement with each ``%(name)s`` replaced by what stands for it under pgbench.

    Raises:
        KeyError: nothing stands for one of its parameters.
    """
    return _PARAMETER.sub(lambda match: expressions[match[1]], statement)


def run(
    url: str,
    script: Path,
    *,
    clients: int,
    seconds: float,
    variables: Mapping[str, str],
    options: Mapping[str, str],
) -> Run:
    """Run a script on so many connections, with prepared statements.

    Args:
        variables: what each client starts with.
        options: settings of the server for these sessions alone.
    """
    command: Sequence[str | Path] = [
        *(BIN / "pgbench", "--no-vacuum", "--protocol=prepared", f"--file={script}"),
        *(f"--client={clients}", f"--jobs={min(clients, os.cpu_count() or 1)}", f"--time={max(1, round(seconds))}"),
        *(f"--define={name}={value}" for name, value in variables.items()),
        url,
    ]
    environment = {**os.environ, "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in options.items())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"pgbench failed:\n{done.stderr[-2000:]}")
    transactions = int(_found(r"transactions actually processed: (\d+)", done.stdout))
    return Run(transactions, transactions / float(_found(r"tps = ([\d.]+)", done.stdout)))


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]
