"""Every part of the benchmark runs. Its figures do not count here, since other tests run beside it."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import PARTS


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_benchmark_runs(root: Path, part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", part, "--smoke"], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
