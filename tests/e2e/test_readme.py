"""The commands of the README's tour and of the walk work as they stand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from local.boxoffice import demo_data
from local.boxoffice.project import BOXOFFICE
from local.stack.supervisor import Stack
from tests.helpers.support import ROOT


def run(document: str, name: str, stack: Stack, folder: Path) -> str:
    """Run the commands that a document has below a comment. Return what they print."""
    commands = re.search(rf"<!-- {name} -->\n```bash\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    assert commands is not None
    script = commands[1].replace(" tools/", f" {ROOT}/tools/").replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PORT": stack.url.rpartition(":")[2]},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tour_ends_with_an_admitted_and_a_refused_scan(folder: Path, tmp_path: Path) -> None:
    with Stack(BOXOFFICE, folder, port=0) as stack:
        printed = run("README.md", "tour", stack, tmp_path)

    answers = [json.loads(answer) for answer in re.findall(r"^\{.*?^\}|^\".*?\"$", printed, re.DOTALL | re.MULTILINE)]
    assert answers[0]["status"] == "published"
    assert answers[2]["status"] == "paid"
    assert answers[-2]["outcome"] == "admitted"
    assert answers[-1]["code"] == "already_scanned"
    assert answers[-1]["first_scan_gate"] == "North"


def test_the_walk_leads_through_people_and_keys(folder: Path, tmp_path: Path) -> None:
    with Stack(BOXOFFICE, folder, port=0) as stack:
        demo_data.ensure(stack.url, stack.owner_url)
        printed = run("docs/walk.md", "walk", stack, tmp_path)

    assert '"outcome": "admitted"' in printed
    assert "entries are as they were recorded" in printed
    assert '"block_reason": "Sends spam"' in printed
    assert '"asked_at":' in printed
    assert printed.endswith("false\n")
