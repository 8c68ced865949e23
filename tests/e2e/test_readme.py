"""The commands of the README's tour work as they stand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from local.boxoffice.project import BOXOFFICE
from local.stack.supervisor import Stack
from tests.helpers.support import ROOT


def test_the_tour_ends_with_an_admitted_and_a_refused_scan(folder: Path, tmp_path: Path) -> None:
    tour = re.search(r"<!-- tour -->\n```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert tour is not None
    script = tour[1].replace(".venv/bin/python", sys.executable)

    with Stack(BOXOFFICE, folder, port=0) as stack:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PORT": stack.url.rpartition(":")[2]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    answers = [
        json.loads(answer) for answer in re.findall(r"^\{.*?^\}|^\".*?\"$", done.stdout, re.DOTALL | re.MULTILINE)
    ]
    assert answers[0]["status"] == "published"
    assert answers[2]["status"] == "paid"
    assert answers[-2]["outcome"] == "admitted"
    assert answers[-1]["code"] == "already_scanned"
    assert answers[-1]["first_scan_gate"] == "North"
