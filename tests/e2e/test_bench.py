"""Every part of the benchmark runs. Its figures do not count here, since other tests run beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import PARTS


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_benchmark_runs(root: Path, part: str) -> None:
    memory = {"TMPDIR": "/dev/shm"} if Path("/dev/shm").is_dir() else {}  # a disk would take its time for each fsync
    command = [sys.executable, "-m", "bench", part, "--smoke"]
    done = subprocess.run(
        command, cwd=root, env=os.environ | memory, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
